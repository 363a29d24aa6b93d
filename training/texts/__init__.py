"""What the teacher is asked to say, and what it is never asked to say: the held-out sentences."""
