"""Bark's networks. Weights only: whatever a stream remembers is passed in and handed back.

Shape letters: W rows, P positions, D width, H heads, K codebooks, T frames, C channels, N samples.
"""
