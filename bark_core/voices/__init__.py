"""History prompts: data, safe files, checks and the store that names them."""

from bark_core.voices.arrays import MAX_ARRAY_BYTES, read_npy
from bark_core.voices.npz import load_npz, save_npz
from bark_core.voices.store import NpyFiles, NpzFile, VoiceSource, VoiceStore
from bark_core.voices.validation import as_codes, validate
from bark_core.voices.voice import IntArray, Voice

__all__ = [
    "MAX_ARRAY_BYTES",
    "IntArray",
    "NpyFiles",
    "NpzFile",
    "Voice",
    "VoiceSource",
    "VoiceStore",
    "as_codes",
    "load_npz",
    "read_npy",
    "save_npz",
    "validate",
]
