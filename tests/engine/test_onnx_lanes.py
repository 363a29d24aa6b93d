"""A real model in two lanes: bit for bit what it says in one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from bark_core.backends.base import Backend, BackendInfo, BackendLimits, Batch, Output
from bark_core.backends.onnx.backend import default_limits
from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.checkpoints import open_checkpoint
from bark_core.engine import ThreadEngine, UtteranceRequest
from bark_core.offline import OfflineModel
from bark_core.options import ExactWindows, LowLatencyWindows, WindowPolicy
from tests.support.collecting import submit
from tests.support.onnx_models import convert, open_backend, random_weights
from tests.support.requests import random_voice, request
from tests.support.tiny import tiny_config

CONFIG = tiny_config()


class Watched:
    """Notes which stages ran beside each other."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._running: list[str] = []
        self.pairs: set[frozenset[str]] = set()

    @property
    def limits(self) -> BackendLimits:
        return self._backend.limits

    @property
    def info(self) -> BackendInfo:
        return self._backend.info

    def execute(self, batch: Batch, /) -> Output:
        name = type(batch).__name__
        with self._lock:
            self.pairs |= {frozenset((name, other)) for other in self._running}
            self._running.append(name)
        try:
            return self._backend.execute(batch)
        finally:
            with self._lock:
                self._running.remove(name)

    def reset(self, slots: Sequence[int], /) -> None:
        self._backend.reset(slots)

    def close(self) -> None:
        self._backend.close()


def asked(windows: WindowPolicy) -> list[UtteranceRequest]:
    return [
        request(
            f"{i}",
            text_ids=tuple(range(1 + i, 7)),
            seed=i,
            voice=random_voice(CONFIG, 20, 30) if i % 2 else None,
            keep_tokens=True,
            forced_semantic_tokens=40,
            windows=windows,
        )
        for i in range(5)
    ]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_bit_for_bit(tmp_path: Path, precision: str) -> None:
    graphs = convert(tmp_path / "graphs", CONFIG, random_weights(CONFIG, 5), precision)
    made: dict[int, list[tuple[bytes, ...]]] = {1: [], 2: []}
    pairs: set[frozenset[str]] = set()
    for lanes, said in made.items():
        limits = default_limits(4, lanes, prefills_beside_steps=precision == "int8")
        backend = Watched(open_backend(graphs, CONFIG, precision, limits))
        engine = ThreadEngine(lambda backend=backend: backend, CONFIG)  # type: ignore[misc]
        engine.start()
        for windows in (ExactWindows(), LowLatencyWindows(ramp_frames=(4, 9, 12))):
            for call in submit(engine, *asked(windows)):
                tokens = call.finished().tokens
                assert tokens is not None
                assert call.pcm.size
                said.append((tokens.semantic.tobytes(), tokens.fine.tobytes(), call.pcm.tobytes()))
        engine.close()
        assert bool(backend.pairs) == (lanes > 1)
        pairs |= backend.pairs
    assert made[1] == made[2]
    stages = {"Semantic", "Coarse", "Fine", "Codec"}
    halves = {frozenset((f"{stage}Prefill", f"{stage}Step")) for stage in stages}
    alike = {
        pair
        for pair in pairs
        if len({s for s in stages for name in pair if name.startswith(s)}) == 1
    }
    if precision == "int8":
        assert alike <= halves
        assert alike, "no prefill ran beside steps of its stage"
    else:
        assert not alike


def test_speaking_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    checkpoint, before = open_checkpoint("noise"), threading.active_count()
    made = []
    for threads in (1, 2):
        spec = BackendSpec(checkpoint, backend="onnx", slots=1, threads=threads)
        backend = Watched(create_backend(spec))
        model = OfflineModel(checkpoint, backend)
        said = [
            model.run(request(text_ids=6, seed=seed, keep_tokens=True, forced_semantic_tokens=60))
            for seed in range(2)
        ]
        made.append([(one.tokens.fine.tobytes(), one.pcm.tobytes()) for one in said])
        assert bool(backend.pairs) == (threads > 1)
        assert threading.active_count() == before
        model.close()
    assert made[0] == made[1]
