"""Bark's three transformers, as trained: the same arithmetic and tensor names as HF's Bark."""
