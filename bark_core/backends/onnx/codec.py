"""EnCodec's decoder as a stream for every slot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from bark_core.backends.base import CodecRow, FloatArray, IntArray
from bark_core.backends.onnx import layout
from bark_core.backends.onnx.finite import check_finite
from bark_core.backends.onnx.session import GraphDirectory, input_shapes, new_name, run_failure
from bark_core.config import BarkConfig

_TIME_AXIS = 2


@dataclass(slots=True, eq=False)
class _Stream:
    """Where one utterance's decoder stands.

    Attributes:
        waiting: [K, T] codes that wait for the look-ahead; empty once ``states`` exist.
        states: The graph's states by name; None before the first samples.
    """

    waiting: IntArray
    states: dict[str, FloatArray] | None = field(default=None)


class CodecStage:
    """Codes in, samples out, in pieces of any size.

    Args:
        directory: Where its graph lies.
        config: Sizes.
        threads: For one operator.
    """

    def __init__(self, directory: GraphDirectory, config: BarkConfig, threads: int) -> None:
        self._codebooks = directory.table(layout.CODEBOOKS)  # [K, codebook_size, C]
        self._session = directory.session(layout.CODEC, threads)
        self._reflecting = tuple(
            shape for shape in layout.codec_convolutions(config.codec) if shape.reflects
        )
        self._going_on = {
            shape.order: np.arange(shape.padding, dtype=np.int64) for shape in self._reflecting
        }
        self._lookahead_frames = layout.codec_lookahead_frames(config.codec)
        orders = set(self._going_on)
        self._state_shapes = {
            name: shape for name, shape in input_shapes(self._session).items() if name not in orders
        }
        self._outputs = [layout.PCM, *(new_name(name) for name in self._state_shapes)]
        self._streams: dict[int, _Stream] = {}

    def run(self, row: CodecRow) -> FloatArray:
        """The next samples of a slot. [K, T] -> [N]."""
        stream = self._streams.get(row.slot) or _Stream(row.codes[:, :0])
        codes = np.concatenate((stream.waiting, row.codes), axis=1)
        count = codes.shape[1]
        started = stream.states is not None
        if count == 0 or not (started or row.final or count >= self._lookahead_frames):
            pcm, after = np.zeros(0, dtype=np.float32), _Stream(codes, stream.states)
        else:
            pcm, after = self._decode(codes, stream.states)
        if row.final:
            self._streams.pop(row.slot, None)
        else:
            self._streams[row.slot] = after
        return pcm

    def reset(self, slots: Iterable[int]) -> None:
        """Forget these slots."""
        for slot in slots:
            self._streams.pop(slot, None)

    def _decode(
        self, codes: IntArray, states: dict[str, FloatArray] | None
    ) -> tuple[FloatArray, _Stream]:
        count = codes.shape[1]
        frames = sum(book[row] for book, row in zip(self._codebooks, codes, strict=True))
        if states is None:
            orders = self._starting(count)
            states = {
                name: np.zeros(shape, dtype=np.float32)
                for name, shape in self._state_shapes.items()
            }
        else:
            orders = self._going_on
        feed = {layout.FRAMES: np.ascontiguousarray(frames.T)[None], **orders, **states}
        try:
            pcm, *new = self._session.run(self._outputs, feed)
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise run_failure() from error
        check_finite(pcm, "codec")
        return pcm[0, 0], _Stream(codes[:, :0], dict(zip(self._state_shapes, new, strict=True)))

    def _starting(self, count: int) -> dict[str, IntArray]:
        """Orders that mirror the first inputs of every convolution, zeros where there are none.

        A context picks out of [state, inputs], and the state is all zeros at the start: input n is
        number ``padding + n``, a zero is number 0.
        """
        orders = {}
        for shape in self._reflecting:
            mirrored = np.arange(shape.padding, 0, -1, dtype=np.int64)
            exists = mirrored < count * shape.rate
            orders[shape.order] = np.where(exists, shape.padding + mirrored, 0)
        return orders
