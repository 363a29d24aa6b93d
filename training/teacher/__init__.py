"""The teacher: Kokoro-82M, taken apart so that its alignment and its voice source can be reached."""
