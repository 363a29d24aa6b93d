"""Voices by name: an immutable index of where they lie and a bounded cache of loaded ones."""

from __future__ import annotations

import difflib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bark_core.config import BarkConfig
from bark_core.errors import CheckpointError, UnknownVoiceError, VoiceDataError
from bark_core.voices.arrays import read_npy
from bark_core.voices.npz import load_npz
from bark_core.voices.validation import validate
from bark_core.voices.voice import Voice

_V2 = "v2/"
_SHOWN_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class NpzFile:
    """A Suno prompt file."""

    path: Path


@dataclass(frozen=True, slots=True)
class NpyFiles:
    """The three files of a voice in the Hugging Face ``speaker_embeddings`` layout."""

    semantic: Path
    coarse: Path
    fine: Path


VoiceSource = NpzFile | NpyFiles | Voice


class VoiceStore:
    """Names to voices. A name is only ever looked up in the index, never made into a path.

    Thread-safe. Loaded voices are checked and immutable.

    Args:
        config: The model that the voices must fit.
        sources: Where each named voice lies.
        default: The name used when a caller names none; must be in ``sources``.
        capacity: Loaded voices kept (about 50 kB each).
    """

    def __init__(
        self,
        config: BarkConfig,
        sources: Mapping[str, VoiceSource],
        *,
        default: str | None = None,
        capacity: int = 64,
    ) -> None:
        assert default is None or default in sources, default
        assert capacity >= 1, capacity
        self._config = config
        self._sources = dict(sources)
        self._default = default
        self._capacity = capacity
        self._loaded: OrderedDict[str, Voice] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._sources))

    @property
    def default(self) -> str | None:
        """Name of the voice used when none is named."""
        return self._default

    def resolve(self, name: str) -> str:
        """The full name: ``en_speaker_6`` means ``v2/en_speaker_6`` where there is only that.

        Raises:
            UnknownVoiceError: No voice has that name; the message lists the nearest names.
        """
        # Suno writes os.path.sep on Windows, HF always "/".
        plain = name.replace("\\", "/")
        for candidate in (plain, _V2 + plain):
            if candidate in self._sources:
                return candidate
        raise self._unknown(plain)

    def get(self, name: str) -> Voice:
        """Load a voice, or take it from the cache.

        Raises:
            UnknownVoiceError: No voice has that name.
            CheckpointError: Its files are damaged or made for another model: whoever keeps them
                can mend that, not whoever names the voice.
        """
        full_name = self.resolve(name)
        with self._lock:
            voice = self._loaded.get(full_name)
            if voice is not None:
                self._loaded.move_to_end(full_name)
                return voice
        voice = self._load(full_name)
        with self._lock:
            self._loaded[full_name] = voice
            self._loaded.move_to_end(full_name)
            while len(self._loaded) > self._capacity:
                self._loaded.popitem(last=False)
        return voice

    def _load(self, name: str) -> Voice:
        try:
            voice = _read(self._sources[name])
            validate(voice, self._config)
        except VoiceDataError as error:
            raise CheckpointError(f"voice {name}: {error.message}") from error
        return voice

    def _unknown(self, name: str) -> UnknownVoiceError:
        shown = name[:_SHOWN_CHARACTERS].encode("ascii", "replace").decode()
        if self._sources:
            nearest = difflib.get_close_matches(shown, self._sources, n=3, cutoff=0.4)
            remedy = (
                f"the nearest names are {', '.join(nearest or self.names()[:3])} "
                "(`barkstream voices` lists all)"
            )
        else:
            remedy = (
                "this checkpoint has no voices; speak without one or add a directory of .npz voices"
            )
        return UnknownVoiceError(f"no voice {shown!r}: {remedy}", resource_name=shown)


def _read(source: VoiceSource) -> Voice:
    match source:
        case Voice():
            return source
        case NpzFile(path):
            return load_npz(path)
        case NpyFiles():
            return Voice(
                semantic=read_npy("semantic_prompt", source.semantic),
                coarse=read_npy("coarse_prompt", source.coarse),
                fine=read_npy("fine_prompt", source.fine),
            )
