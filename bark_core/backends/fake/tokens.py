"""Tokens of the fake: pure functions of a slot's whole context and of the draw's key.

The context is folded token by token, so that a prefill of a sequence and stepping through it leave
the same state, as in a causal transformer, and any wrong token or slot changes all that follows.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from bark_core.backends.base import FineRow, IntArray
from bark_core.sampling import DrawKey

_MASK = 2**64 - 1


def fold(state: int, ids: IntArray) -> int:
    """The state after these tokens."""
    return zlib.crc32(np.ascontiguousarray(ids, dtype="<i8").tobytes(), state)


def fold_token(state: int, token: int) -> int:
    """The state after one token; ``fold`` of a one-element array."""
    return zlib.crc32(struct.pack("<q", token), state)


def scramble(state: int, key: DrawKey | None) -> int:
    """A 64-bit number from a context and a key (None: greedy, the context decides alone)."""
    if key is not None:
        address = (key.seed, key.utterance, key.stage, key.step, key.codebook)
        state = zlib.crc32(struct.pack("<5q", *address), state)
    # Finaliser of splitmix64 (Steele et al. 2014): CRC alone is linear.
    mixed = (state + 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


def fill(row: FineRow, n_given: int, codebook_size: int) -> IntArray:
    """The window with codebooks ``n_given`` .. K-1 filled in. -> [K, T].

    Codebook k is a function of all columns of the codebooks 0..k, its own old value included.
    """
    codes = row.codes.copy()
    columns = np.arange(row.fill_start, codes.shape[1], dtype=np.uint64)
    for k in range(n_given, codes.shape[0]):
        key = None if row.temperature == 0 else row.key.with_codebook(k)
        seed = scramble(fold(k, codes[: k + 1]), key)
        mixed = (columns + np.uint64(seed >> 1)) * np.uint64(0x9E3779B97F4A7C15)
        codes[k, row.fill_start :] = (mixed >> np.uint64(33)) % np.uint64(codebook_size)
    return codes
