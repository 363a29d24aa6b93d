"""Bark's token layouts, as training examples: what each network sees at inference, and why."""
