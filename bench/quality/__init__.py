"""What a voice says, and how well, under each way to make it: words, opinion, length, distance."""
