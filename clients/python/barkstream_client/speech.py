"""A whole answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from barkstream_client.events import Receipt, TimedSegment, Timing, Usage
from barkstream_client.pcm import decode_whole


@dataclass(frozen=True, slots=True)
class Speech:
    """What ``synthesize`` returns.

    Attributes:
        audio: Bytes in the wanted encoding.
        encoding: Such as "pcm_s16le".
        sample_rate_hz: Samples per second.
        segments: The utterances and their places.
        usage: What was made.
        timing: How long it took.
        receipt: How to make it again.
    """

    audio: bytes
    encoding: str
    sample_rate_hz: int
    segments: tuple[TimedSegment, ...]
    usage: Usage
    timing: Timing
    receipt: Receipt

    def pcm(self) -> NDArray[np.float32]:
        """Samples in [-1, 1], float32 [N].

        Raises:
            UndecodableError: The encoding is "ogg_opus".
        """
        return decode_whole(self.audio, self.encoding)
