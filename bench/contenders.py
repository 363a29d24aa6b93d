"""Who takes part: other people's Bark, and barkstream under window policies on back ends."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from bark_core.backends.registry import backend_names
from bark_core.options import WindowPolicy
from bench.window_choice import windows_of

TRANSFORMERS = "transformers"
BARK_CPP = "bark.cpp"
BARK_CPP_PRECISIONS = ("f16", "q8_0")
DEFAULT_WINDOWS = ("exact", "low-latency")
DEFAULT_BACKENDS = ("torch", "onnx")


@dataclass(frozen=True, slots=True)
class BarkstreamContender:
    """Barkstream in one configuration.

    Attributes:
        windows: When each stage may run.
        backend: As of ``BackendSpec``.
        dtype: As of ``BackendSpec``.
    """

    windows: WindowPolicy
    backend: str
    dtype: str


def barkstream_contender(name: str) -> BarkstreamContender:
    """What a name such as "low-latency/onnx" or "ramp_frames=15-30/onnx:int4" stands for.

    Raises:
        ValueError: There are no such windows or no such back end.
        OptionError: A value of the windows is out of range.
    """
    windows, _, place = name.rpartition("/")
    backend, _, dtype = place.partition(":")
    if backend not in backend_names():
        raise ValueError(f"no back end {backend!r}: choose one of {', '.join(backend_names())}")
    return BarkstreamContender(windows_of(windows), backend, dtype or "auto")


def peers() -> tuple[str, ...]:
    """Other people's Bark, as far as it is installed."""
    if importlib.util.find_spec("bark_cpp") is None:
        return (TRANSFORMERS,)
    return (TRANSFORMERS, *(f"{BARK_CPP}/{precision}" for precision in BARK_CPP_PRECISIONS))


def bark_cpp_precision(name: str) -> str | None:
    """The precision in a name such as "bark.cpp/f16"; None: the name is somebody else's."""
    program, _, precision = name.partition("/")
    return precision if program == BARK_CPP else None


def contender_names(
    windows: Sequence[str], backends: Sequence[str], others: Sequence[str] = ()
) -> tuple[str, ...]:
    """Everybody, in the order of a round.

    Raises:
        ValueError: There are no such windows or no such back end.
        OptionError: A value of the windows is out of range.
    """
    names = [f"{policy}/{backend}" for policy in windows for backend in backends]
    for name in names:
        barkstream_contender(name)
    return (*others, *dict.fromkeys(names))
