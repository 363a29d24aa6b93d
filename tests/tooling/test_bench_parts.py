"""What the benchmarks are made of: names of policies, the record of a back end, figures."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from bark_core.backends.base import BackendLimits
from bark_core.backends.fake import FakeBackend
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.thread import ThreadEngine
from bark_core.errors import OptionError
from bark_core.options import ExactWindows, LowLatencyWindows
from bench.contenders import BarkstreamContender, barkstream_contender, contender_names
from bench.measurement import Chunk, Measurement, StageFigures, stage_figures
from bench.recording import BatchRecord, RecordingBackend
from bench.window_choice import windows_of
from tests.support.collecting import submit
from tests.support.requests import request

CONFIG = open_checkpoint("noise").config


def test_policies_have_names() -> None:
    assert windows_of("exact") == ExactWindows()
    assert windows_of("low-latency") == LowLatencyWindows()
    assert windows_of("ramp_frames=15-30,coarse_history_tokens=300") == LowLatencyWindows(
        ramp_frames=(15, 30), coarse_history_tokens=300
    )
    assert windows_of("coarse_ramp_steps=60") == LowLatencyWindows(coarse_ramp_steps=(60,))
    assert windows_of("coarse_ramp_steps=none").coarse_ramp_steps is None  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["wide", "ramp_frames", "ramp_frames=", "seed=1", "__doc__=1"])
def test_no_such_policy(name: str) -> None:
    with pytest.raises(ValueError, match="ramp_frames"):
        windows_of(name)


def test_policy_out_of_range() -> None:
    with pytest.raises(OptionError, match="fine_history_frames"):
        windows_of("fine_history_frames=513")


def test_contenders_have_names() -> None:
    names = contender_names(["exact", "low-latency"], ["torch", "onnx:int4"], ["transformers"])
    assert names == (
        "transformers",
        *("exact/torch", "exact/onnx:int4", "low-latency/torch", "low-latency/onnx:int4"),
    )
    assert barkstream_contender(names[2]) == BarkstreamContender(ExactWindows(), "onnx", "int4")
    assert barkstream_contender(names[1]) == BarkstreamContender(ExactWindows(), "torch", "auto")


def test_the_record_of_a_back_end_has_every_batch() -> None:
    ticks = itertools.count()
    fake = FakeBackend(CONFIG, BackendLimits(1, 1, 1, 1, 1))
    recorder = RecordingBackend(fake, lambda: float(next(ticks)))
    engine = ThreadEngine(lambda: recorder, CONFIG)
    engine.start()
    try:
        assert recorder.take(), "the warm-up"
        (heard,) = submit(engine, request(forced_semantic_tokens=50))
        heard.finished()
        records = recorder.take()
        assert recorder.take() == ()
    finally:
        engine.close()
    made: Counter[str] = Counter()
    for record in records:
        made[record.stage] += record.made
        assert record.end_s == record.start_s + 1
        assert record.rows == 1
    assert [record.start_s for record in records] == sorted(record.start_s for record in records)
    frames = 75  # 50 semantic tokens
    assert made["semantic_prefill"] + made["semantic_step"] == 50
    assert made["coarse_prefill"] + made["coarse_step"] == 2 * frames
    assert made["fine_pass"] >= frames
    assert made["codec_decode"] == frames * CONFIG.hop_samples == heard.pcm.size


def test_figures_of_stages() -> None:
    spans = [("semantic", 0.5), ("fine", 1.0), ("semantic", 0.25), ("semantic", 0.125)]
    assert stage_figures(spans) == {
        "semantic": StageFigures(3, 875.0, 250.0),
        "fine": StageFigures(1, 1000.0, 1000.0),
    }


def test_measurements_cross_processes() -> None:
    measurement = Measurement(
        audio_s=2.0,
        first_audio_s=0.5,
        total_s=1.0,
        peak_memory_mb=100.0,
        stages={"codec": StageFigures(1, 2.0, 2.0)},
        batches=(BatchRecord("codec", 0.1, 0.2, 1, 320),),
        chunks=(Chunk(0.5, 0.0, 2.0),),
    )
    assert Measurement.from_json(measurement.to_json()) == measurement
    assert measurement.realtime_factor == 0.5
