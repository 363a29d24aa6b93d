"""One utterance's state machine: exactness against the oracle, and independence of order."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.backends.fake import FakeBackend, FakeScript, tokens
from bark_core.engine.pipeline import Pipeline
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.work import Work, answers_of, batch_of
from bark_core.errors import EngineFailureError
from bark_core.options import ExactWindows, LowLatencyWindows, WindowPolicy
from bark_core.sampling import DrawKey, Stage
from bark_core.voices import Voice
from tests.support import oracle
from tests.support.requests import random_voice, request
from tests.support.simulation import CONFIG, limits

EXACT, LOW = ExactWindows(), LowLatencyWindows()


def most_urgent(works: tuple[Work, ...]) -> Work:
    """Streaming: whatever is nearest to the loudspeaker."""
    return works[0]


class Run:
    """A pipeline run alone, in an order of choice. Keeps what the codec was given."""

    def __init__(self, asked: UtteranceRequest, script: FakeScript | None = None) -> None:
        self.backend = FakeBackend(CONFIG, limits(), script)
        self.pipeline = Pipeline(CONFIG, asked, asked.voice)
        self.pcm: list[np.ndarray] = []
        self.codec_rows: list[tuple[int, bool]] = []
        self.log: list[Work] = []

    def step(self, work: Work) -> None:
        row = self.pipeline.row(work, slot=2)
        if work is Work.CODEC:
            self.codec_rows.append((row.codes.shape[1], row.final))  # type: ignore[union-attr]
        (answer,) = answers_of(self.backend.execute(batch_of(work, [row])))
        pcm = self.pipeline.accept(work, answer)
        self.log.append(work)
        if pcm is not None:
            self.pcm.append(pcm)

    def to_end(self, pick: Callable[[tuple[Work, ...]], Work] = most_urgent) -> "Run":
        while not self.pipeline.finished:
            works = self.pipeline.ready()
            assert works, "stuck"
            self.step(pick(works))
        return self

    def result(self) -> tuple[bytes, ...]:
        voice = self.pipeline.tokens()
        pcm = np.concatenate([np.zeros(0, np.float32), *self.pcm])
        return (voice.semantic.tobytes(), voice.coarse.tobytes(), voice.fine.tobytes(),
                pcm.tobytes(), repr(self.codec_rows).encode())  # fmt: skip


def offline(works: tuple[Work, ...]) -> Work:
    """Stage by stage, as the reference does: semantic first, codec last."""
    return works[-1] if works[-1].value.startswith("semantic") else min(works, key=_late)


def _late(work: Work) -> int:
    return list(Work).index(work)


def oracle_tokens(
    asked: UtteranceRequest, semantic: list[int]
) -> tuple[list[int], list[list[int]]]:
    """Coarse and fine of the exact policy, by the literal oracle over the fake's functions."""
    voice, options = asked.voice, asked.options

    def key(stage: Stage, step: int, codebook: int, temperature: float) -> DrawKey | None:
        if temperature == 0:
            return None
        return DrawKey(options.seed, asked.index, stage, step, codebook)

    def coarse_code(prompt: Sequence[int], step: int) -> int:
        state = tokens.fold(0, np.asarray(prompt))
        return tokens.scramble(state, key(Stage.COARSE, step, 0, options.coarse.temperature)) % 1024

    def fine_codes(window: Sequence[Sequence[int]], n: int, fill: int) -> list[int]:
        k = len(window) - 1
        state = tokens.fold(k, np.asarray(window))
        mixed = tokens.scramble(state, key(Stage.FINE, n, k, options.fine.temperature)) >> 1
        factor = 0x9E3779B97F4A7C15
        return [
            ((((column + mixed) * factor) & (2**64 - 1)) >> 33) % 1024
            for column in range(fill, len(window[0]))
        ]

    flat: list[int] = []
    if voice is not None:
        offsets = np.array([[10_000], [11_024]])
        flat = (voice.coarse + offsets).T.reshape(-1).tolist()
    made, _ = oracle.reference_coarse(
        semantic, [] if voice is None else voice.semantic.tolist(), flat, draw=coarse_code
    )
    coarse = [[made[i] - 10_000 for i in range(0, len(made), 2)],
              [made[i] - 11_024 for i in range(1, len(made), 2)]]  # fmt: skip
    fine, _ = oracle.reference_fine(
        coarse, [] if voice is None else voice.fine.tolist(), fine_codes
    )
    return made, fine


@pytest.mark.parametrize("voice", [None, (158, 237), (346, 520), (204, 307)])
@pytest.mark.parametrize("n", [1, 2, 47, 130, 400])
def test_exact_equals_the_oracle(voice: tuple[int, int] | None, n: int) -> None:
    asked = request(
        windows=EXACT,
        voice=None if voice is None else random_voice(CONFIG, *voice),
    )
    run = Run(asked, FakeScript(lengths=(n,))).to_end()
    found = run.pipeline.tokens()
    made, fine = oracle_tokens(asked, found.semantic.tolist())
    assert len(found.semantic) == n
    assert found.coarse.tolist() == fine[:2]
    assert found.fine.tolist() == fine
    assert len(made) == 2 * found.fine.shape[1]


@pytest.mark.parametrize(
    ("semantic", "coarse_frames", "fine_frames"),
    [(158, 237, 5), (158, 237, 600), (158, 600, 237), (100, 146, 900), (100, 154, 1), (1, 2, 9)],
)
def test_parts_of_a_voice_may_have_lengths_of_their_own(
    semantic: int, coarse_frames: int, fine_frames: int
) -> None:
    """The reference takes such prompts; each stage reads its own part of them."""
    coarse = random_voice(CONFIG, semantic, coarse_frames)
    fine = random_voice(CONFIG, 1, fine_frames, seed=1).fine
    asked = request(windows=EXACT, voice=Voice(coarse.semantic, coarse.coarse, fine))
    found = Run(asked, FakeScript(lengths=(60,))).to_end().pipeline.tokens()
    assert found.fine.tolist() == oracle_tokens(asked, found.semantic.tolist())[1]


@pytest.mark.parametrize("windows", [EXACT, LOW])
@pytest.mark.parametrize("voice", [None, (158, 237), (346, 520)])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 46, 47, 48, 130, 768])
def test_streaming_equals_offline(
    windows: WindowPolicy, voice: tuple[int, int] | None, n: int
) -> None:
    asked = request(windows=windows, voice=None if voice is None else random_voice(CONFIG, *voice))
    script = FakeScript(lengths=(n,))
    streamed, late = Run(asked, script).to_end(), Run(asked, script).to_end(offline)
    assert streamed.result() == late.result()
    assert (
        len(streamed.pcm and np.concatenate(streamed.pcm))
        == 320 * (streamed.pipeline.tokens().fine.shape[1])
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(0, 150),
    voice=st.sampled_from([None, (158, 237), (346, 520)]),
    windows=st.sampled_from(
        [
            EXACT,
            ExactWindows(codec_chunk_frames=1),
            LOW,
            LowLatencyWindows(lookahead_semantic_tokens=0, fine_lookahead_frames=0),
            LowLatencyWindows(ramp_frames=(1, 5), coarse_ramp_steps=(14, 60, 138)),
            LowLatencyWindows(coarse_history_tokens=60, fine_history_frames=0),
        ]
    ),
)
def test_any_order_of_progress_gives_the_same(
    seed: int, n: int, voice: tuple[int, int] | None, windows: WindowPolicy
) -> None:
    asked = request(windows=windows, voice=None if voice is None else random_voice(CONFIG, *voice))
    script = FakeScript(lengths=(n,))
    # A mood that changes: runs of one stage as well as a fine mix of all.
    generator = random.Random(seed)

    def pick(works: tuple[Work, ...]) -> Work:
        if generator.random() < 0.03:
            generator.shuffle(mood)
        return min(works, key=mood.index)

    mood = list(Work)
    generator.shuffle(mood)
    assert Run(asked, script).to_end(pick).result() == Run(asked, script).to_end(offline).result()


def test_audio_flows_before_the_semantic_stage_has_ended() -> None:
    run = Run(request(windows=LOW), FakeScript(lengths=(300,))).to_end()
    assert run.log.index(Work.CODEC) < 120
    assert Work.SEMANTIC_STEP in run.log[run.log.index(Work.CODEC) :]


def test_first_audio_takes_no_step_too_many() -> None:
    """18 + 12 semantic tokens, 26 frames of coarse, one fine pass, one decode."""
    asked = request(windows=LOW, voice=random_voice(CONFIG, 346, 520))
    run = Run(asked, FakeScript(lengths=(300,)))
    while not run.pcm:
        run.step(run.pipeline.ready()[0])
    assert len(run.log) == 18 + 12 + 2 * (20 + 6) + 1 + 1


def test_end_of_speech_at_once_is_an_empty_utterance() -> None:
    run = Run(request(), FakeScript(lengths=(0,))).to_end()
    assert run.log == [Work.SEMANTIC_PREFILL]
    assert run.pipeline.tokens().fine.shape == (8, 0)
    assert not run.pipeline.semantic.hit_limit


def test_one_token_is_one_frame() -> None:
    run = Run(request(), FakeScript(lengths=(1,))).to_end()
    assert np.concatenate(run.pcm).size == 320


def test_the_longest_utterance_stops_at_its_limit() -> None:
    run = Run(request(allow_early_stop=False, windows=EXACT)).to_end()
    assert run.pipeline.tokens().semantic.size == 768
    assert run.pipeline.tokens().fine.shape == (8, 1154)
    assert run.pipeline.semantic.hit_limit


def test_duration_is_bounded_one_token_past_the_bound() -> None:
    run = Run(request(max_duration_s=1.0, allow_early_stop=False)).to_end()
    assert run.pipeline.tokens().semantic.size == 50  # 50 / 49.9 > 1.0
    assert run.pipeline.semantic.hit_limit


@pytest.mark.parametrize("forced", [0, 1, 33, 768])
def test_forced_length(forced: int) -> None:
    run = Run(request(forced_semantic_tokens=forced), FakeScript(lengths=(5,))).to_end()
    assert run.pipeline.tokens().semantic.size == forced
    assert not run.pipeline.semantic.hit_limit


def test_text_over_the_limit_is_cut_and_padded() -> None:
    row = Pipeline(CONFIG, request(text_ids=300), None).row(Work.SEMANTIC_PREFILL, 0)
    assert row.text_ids.tolist() == [10_048 + 100 + i for i in range(256)]  # type: ignore[union-attr]
    row = Pipeline(CONFIG, request(text_ids=3), None).row(Work.SEMANTIC_PREFILL, 0)
    assert row.text_ids[:5].tolist() == [10_148, 10_149, 10_150, 129_595, 129_595]  # type: ignore[union-attr]
    assert set(row.history_ids.tolist()) == {10_000}  # type: ignore[union-attr]


@pytest.mark.parametrize("length", [100, 256, 400])
def test_semantic_history_is_the_end_of_the_voice(length: int) -> None:
    voice = random_voice(CONFIG, length, length * 3 // 2)
    row = Pipeline(CONFIG, request(), voice).row(Work.SEMANTIC_PREFILL, 0)
    kept = voice.semantic[-256:].tolist()
    assert row.history_ids.tolist() == kept + [10_000] * (256 - len(kept))  # type: ignore[union-attr]


def test_given_semantic_tokens_are_spoken() -> None:
    script = FakeScript(lengths=(40,))
    whole = Run(request(windows=EXACT), script).to_end()
    given_tokens = tuple(whole.pipeline.tokens().semantic.tolist())
    half = Run(request(windows=EXACT, semantic_tokens=given_tokens, text_ids=())).to_end()
    assert half.result() == whole.result()
    assert not {Work.SEMANTIC_PREFILL, Work.SEMANTIC_STEP} & set(half.log)


def test_more_given_tokens_than_the_model_would_make() -> None:
    run = Run(request(semantic_tokens=tuple(range(900)), text_ids=())).to_end()
    assert np.concatenate(run.pcm).size == run.pipeline.tokens().fine.shape[1] * 320 > 768 * 320


def test_semantic_only() -> None:
    run = Run(request(semantic_only=True), FakeScript(lengths=(40,))).to_end()
    assert set(run.log) == {Work.SEMANTIC_PREFILL, Work.SEMANTIC_STEP}
    voice = run.pipeline.tokens()
    assert voice.semantic.size == 40
    assert voice.fine.shape == (8, 0)


def test_a_voice_of_one_token_can_be_carried_on() -> None:
    """What a one-token utterance leaves behind: the reference's own slicing quirk included."""
    tiny = random_voice(CONFIG, 1, 1)
    asked = request(windows=EXACT, voice=tiny)
    found = Run(asked, FakeScript(lengths=(30,))).to_end().pipeline.tokens()
    assert found.fine.tolist() == oracle_tokens(asked, found.semantic.tolist())[1]


def test_audio_that_is_not_finite_fails() -> None:
    run = Run(request(), FakeScript(lengths=(10,)))
    while Work.CODEC not in run.pipeline.ready():
        run.step(run.pipeline.ready()[0])
    with pytest.raises(EngineFailureError, match="not finite"):
        run.pipeline.accept(Work.CODEC, np.full(4800, np.nan, np.float32))


def test_a_codec_that_loses_samples_fails() -> None:
    run = Run(request(), FakeScript(lengths=(10,)))
    while Work.CODEC not in run.pipeline.ready():
        run.step(run.pipeline.ready()[0])
    with pytest.raises(EngineFailureError, match="samples of 15 frames"):
        run.pipeline.accept(Work.CODEC, np.zeros(4799, np.float32))


def test_seeds_utterances_and_greedy() -> None:
    def coarse(**fields: Any) -> list[list[int]]:
        run = Run(request(**fields), FakeScript(lengths=(20,))).to_end()
        voice: Voice = run.pipeline.tokens()
        found: list[list[int]] = voice.coarse.tolist()
        return found

    assert coarse(seed=1) == coarse(seed=1)
    assert coarse(seed=1) != coarse(seed=2)
    assert coarse(seed=1, index=0) != coarse(seed=1, index=1)
