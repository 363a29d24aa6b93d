"""A back end that notes when it ran what. Everything else is the back end's it stands before."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from bark_core.backends.base import (
    AudioOutput,
    Backend,
    BackendInfo,
    BackendLimits,
    Batch,
    FineOutput,
    FinePass,
    Output,
    TokenOutput,
)

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch.

    Attributes:
        stage: "semantic_prefill", "semantic_step", "coarse_prefill", "coarse_step", "fine_pass" or
            "codec_decode".
        start_s: When it began, by the recorder's clock.
        end_s: When it had its answer.
        rows: Utterances that took part.
        made: What it made, all rows together: tokens (an end token is none), frames that a fine
            pass filled, samples.
    """

    stage: str
    start_s: float
    end_s: float
    rows: int
    made: int


class RecordingBackend:
    """A ``Backend`` that runs another one and remembers every batch.

    Hand ``lambda: RecordingBackend(create_backend(spec))`` to an engine in place of the spec.

    Args:
        backend: What runs the model; closed with this.
        clock: Seconds.
    """

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.perf_counter) -> None:
        self._backend = backend
        self._clock = clock
        self._records: list[BatchRecord] = []

    @property
    def limits(self) -> BackendLimits:
        """As of the back end that runs."""
        return self._backend.limits

    @property
    def info(self) -> BackendInfo:
        """As of the back end that runs."""
        return self._backend.info

    def execute(self, batch: Batch, /) -> Output:
        """Run one batch; a batch that fails leaves no record.

        Raises:
            EngineFailureError: The model produced values that are not finite.
        """
        start_s = self._clock()
        output = self._backend.execute(batch)
        end_s = self._clock()
        stage = _WORD_START.sub("_", type(batch).__name__).lower()
        made = _made(batch, output)
        self._records.append(BatchRecord(stage, start_s, end_s, len(batch.rows), made))
        return output

    def reset(self, slots: Sequence[int], /) -> None:
        """As the back end that runs."""
        self._backend.reset(slots)

    def close(self) -> None:
        """As the back end that runs."""
        self._backend.close()

    def take(self) -> tuple[BatchRecord, ...]:
        """Records since the last call. Only while the engine is idle."""
        records, self._records = self._records, []
        return tuple(records)


def _made(batch: Batch, output: Output) -> int:
    match output:
        case TokenOutput():
            return sum(token is not None for token in output.tokens)
        case FineOutput():
            assert isinstance(batch, FinePass)
            return sum(row.codes.shape[1] - row.fill_start for row in batch.rows)
        case AudioOutput():
            return sum(pcm.size for pcm in output.pcm)
        case _:
            assert_never(output)
