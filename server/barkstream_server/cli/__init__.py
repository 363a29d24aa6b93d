"""The command ``barkstream``."""
