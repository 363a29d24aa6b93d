"""The teacher: Kokoro-82M, taken apart to reach its alignment and its voice source."""
