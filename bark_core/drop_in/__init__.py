"""What stands behind Suno's functions in ``bark_core.api``."""
