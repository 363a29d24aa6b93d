"""Whole utterances, greedy: engine and torch back end equal the ``transformers`` package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bark_core.backends.torch.backend import TorchBackend, default_limits
from bark_core.config import BarkConfig
from bark_core.engine import ThreadEngine, UtteranceRequest
from bark_core.options import ExactWindows, LowLatencyWindows, SamplingParams, SynthesisOptions
from bark_core.voices import Voice
from tests.support import reference
from tests.support.collecting import submit
from tests.support.requests import random_voice, request
from tests.support.tiny import tiny_config

GREEDY = SamplingParams(temperature=0)
CONFIG = tiny_config()


@pytest.fixture(scope="module")
def hf_model() -> Any:
    return reference.make_random_hf_bark(CONFIG, seed=5)


@pytest.fixture(scope="module")
def engine(hf_model: Any) -> Iterator[ThreadEngine]:
    weights = reference.stage_state_dicts(hf_model)

    def make() -> TorchBackend:
        return TorchBackend(
            CONFIG, lambda stage: weights[stage], default_limits(4), device="cpu", threads=1
        )

    made = ThreadEngine(make, CONFIG)
    made.start()
    yield made
    made.close()


def greedy(**fields: Any) -> dict[str, Any]:
    """Options of an exact, greedy utterance."""
    return {
        "semantic": GREEDY,
        "coarse": GREEDY,
        "fine": GREEDY,
        "min_eos_p": None,
        "windows": ExactWindows(),
        "keep_tokens": True,
        **fields,
    }


def expected(
    hf_model: Any, asked: UtteranceRequest, config: BarkConfig = CONFIG
) -> tuple[list[int], np.ndarray, np.ndarray, np.ndarray]:
    options = asked.options
    semantic = asked.semantic_tokens
    if semantic is None:
        semantic = reference.reference_semantic(
            hf_model,
            config,
            asked.text_ids,
            asked.voice,
            min_eos_p=options.min_eos_p,
            allow_early_stop=options.forced_semantic_tokens is None and options.allow_early_stop,
            max_new_tokens=options.forced_semantic_tokens,
        )
    coarse = reference.reference_coarse(hf_model, config, semantic, asked.voice)
    fine = reference.reference_fine(hf_model, config, coarse, asked.voice)
    return list(semantic), coarse, fine, reference.reference_decode(hf_model, fine)


def assert_equal(found: Voice | None, pcm: np.ndarray, wanted: tuple[Any, ...]) -> None:
    assert found is not None
    semantic, coarse, fine, audio = wanted
    assert found.semantic.tolist() == semantic
    assert np.array_equal(found.coarse, coarse)
    assert np.array_equal(found.fine, fine)
    assert pcm.shape == audio.reshape(-1).shape
    np.testing.assert_allclose(pcm, audio.reshape(-1), atol=1e-4 * np.abs(audio).max())


# Voices of this configuration: none, one token, odd lengths, shorter and longer than any window.
VOICES = [None, (2, 3), (11, 17), (14, 21), (19, 29), (20, 30), (41, 61)]


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("n", [1, 2, 13, 50])
def test_forced_lengths(
    engine: ThreadEngine, hf_model: Any, voice: tuple[int, int] | None, n: int
) -> None:
    asked = request(
        text_ids=tuple(range(1, 7)),
        voice=None if voice is None else random_voice(CONFIG, *voice),
        **greedy(forced_semantic_tokens=n),
    )
    (call,) = submit(engine, asked)
    assert_equal(call.finished().tokens, call.pcm, expected(hf_model, asked))


@pytest.mark.parametrize(("coarse_frames", "fine_frames"), [(31, 3), (31, 61), (32, 40)])
def test_voices_whose_parts_differ_in_length(
    engine: ThreadEngine, hf_model: Any, coarse_frames: int, fine_frames: int
) -> None:
    voice = replace(
        random_voice(CONFIG, 21, coarse_frames), fine=random_voice(CONFIG, 1, fine_frames).fine
    )
    asked = request(text_ids=(1, 2, 3), voice=voice, **greedy(forced_semantic_tokens=30))
    (call,) = submit(engine, asked)
    assert_equal(call.finished().tokens, call.pcm, expected(hf_model, asked))


@pytest.mark.parametrize("text", [(3,), (1, 2), tuple(range(8)), tuple(range(30)), (5, 5, 5)])
@pytest.mark.parametrize("min_eos_p", [None, 0.05, 0.001])
def test_natural_ends(
    engine: ThreadEngine, hf_model: Any, text: tuple[int, ...], min_eos_p: float | None
) -> None:
    """The end token where the reference has it, the text cut where it is too long."""
    asked = request(text_ids=text, **greedy(min_eos_p=min_eos_p))
    semantic = reference.reference_semantic(hf_model, CONFIG, text, min_eos_p=min_eos_p)
    (call,) = submit(engine, asked)
    tokens = call.finished().tokens
    assert tokens is not None
    assert tuple(tokens.semantic.tolist()) == semantic
    assert call.finished().report.hit_limit == (len(semantic) == CONFIG.semantic.max_new_tokens)
    assert bool(semantic) == (min_eos_p != 0.001)  # which ends it before the first token
    if semantic:
        assert_equal(tokens, call.pcm, expected(hf_model, asked))
    else:
        assert call.pcm.size == 0


@pytest.mark.parametrize(
    ("voice", "n"),
    [(None, 70), (None, 150), ((2, 3), 71), ((11, 17), 70), ((20, 30), 100), ((41, 61), 150)],
)
def test_far_beyond_every_window(
    engine: ThreadEngine, hf_model: Any, voice: tuple[int, int] | None, n: int
) -> None:
    """Given semantic tokens: many coarse windows, many fine windows that overwrite each other."""
    asked = request(
        text_ids=(),
        voice=None if voice is None else random_voice(CONFIG, *voice),
        semantic_tokens=tuple(int(t) for t in np.random.default_rng(n).integers(0, 64, n)),
        **greedy(),
    )
    (call,) = submit(engine, asked)
    assert_equal(call.finished().tokens, call.pcm, expected(hf_model, asked))


def sampled(utterance_id: str, **fields: Any) -> UtteranceRequest:
    fields.setdefault("keep_tokens", True)
    fields.setdefault("text_ids", (4, 2))
    return request(
        utterance_id,
        options=SynthesisOptions(
            seed=fields.pop("seed", 3),
            allow_early_stop=False,
            max_duration_s=0.7,
            windows=fields.pop("windows", LowLatencyWindows()),
        ),
        **fields,
    )


@pytest.mark.parametrize("windows", [ExactWindows(), LowLatencyWindows(ramp_frames=(4, 9, 12))])
def test_bit_for_bit_alone_and_among_others(
    engine: ThreadEngine, windows: ExactWindows | LowLatencyWindows
) -> None:
    """Tokens and samples do not depend on who else is there."""
    text = tuple(range(2, 9))
    voice = random_voice(CONFIG, 41, 61)
    (alone,) = submit(engine, sampled("alone", text_ids=text, voice=voice, windows=windows))
    alone.end()
    others = [sampled(f"other {i}", text_ids=tuple(range(i + 1)), seed=i) for i in range(3)]
    calls = submit(
        engine,
        *others[:2],
        sampled("among", text_ids=text, voice=voice, windows=windows),
        others[2],
    )
    for call in calls:
        call.end()
    mine, first = calls[2].finished().tokens, alone.finished().tokens
    assert mine is not None
    assert first is not None
    assert mine.semantic.tobytes() == first.semantic.tobytes()
    assert mine.fine.tobytes() == first.fine.tobytes()
    assert calls[2].pcm.tobytes() == alone.pcm.tobytes()
    assert calls[2].pcm.size > 0


def test_another_seed_or_place_in_the_text_says_it_differently(engine: ThreadEngine) -> None:
    calls = submit(
        engine,
        sampled("a", seed=1),
        sampled("b", seed=2),
        sampled("c", seed=1, index=1),
        sampled("d", seed=1),
    )
    tokens = [call.finished().tokens for call in calls]
    said = [voice.semantic.tobytes() for voice in tokens if voice is not None]
    assert len(set(said[:3])) == 3
    assert said[3] == said[0]
