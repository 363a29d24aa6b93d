"""Coarse windows against a slow oracle: every length, the histories that matter, both policies."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.config import SMALL, BarkConfig, published
from bark_core.options import ExactWindows, LowLatencyWindows, WindowPolicy
from bark_core.windows import CoarsePlan, coarse_steps, trim_history
from bark_core.windows.coarse import semantic_tokens_for
from tests.support import oracle

CONFIG = published("bark-small", SMALL)
LOW = LowLatencyWindows()
# The reference's windows and history: only what they see of the future is less.
PLAIN = LowLatencyWindows(
    lookahead_semantic_tokens=27, coarse_history_tokens=None, coarse_ramp_steps=None
)

# A small model with short contexts: two frames a semantic token, windows of 60 steps.
SHORT = replace(
    CONFIG,
    semantic=replace(CONFIG.semantic, rate_hz=37.5),
    coarse=replace(CONFIG.coarse, max_semantic_tokens=84, max_history_tokens=192),
    coarse_model=replace(CONFIG.coarse_model, block_size=337),
)

# (semantic, frames) of voices: none, tiny, odd, the shortest shipped, odd trims, full, longest.
VOICES = [
    (0, 0), (2, 3), (3, 4), (5, 8), (40, 60), (157, 237), (158, 237), (190, 284),
    (204, 306), (209, 314), (346, 520), (731, 1098),
]  # fmt: skip


def numbers(count: int, salt: int) -> list[int]:
    return [oracle.mixed(salt, i) % 10_000 for i in range(count)]


def composed(
    plan: CoarsePlan, semantic: list[int], history: tuple[list[int], list[int]]
) -> tuple[list[int], list[oracle.CoarseWindowSeen]]:
    """Runs the plan offline with the oracle's hash."""
    all_semantic = history[0] + semantic
    base = len(history[0])
    made: list[int] = []
    seen = []
    total = coarse_steps(CONFIG, len(semantic))
    index = 0
    while len(made) < total:
        window = plan.window(index, len(semantic))
        assert window.start_step == len(made)
        visible = all_semantic[: base + window.visible_tokens]
        piece = visible[window.slice_start : window.slice_start + 256]
        piece = piece + [oracle.SEMANTIC_PAD] * (256 - len(piece))
        context = (history[1] + made)[len(history[1]) + len(made) - window.context_tokens :]
        prompt = [*piece, 12_050, *context]
        end = plan.runnable_until(window, len(semantic), ended=True)
        seen.append(oracle.CoarseWindowSeen(tuple(prompt), end - len(made)))
        while len(made) < end:
            offset = 10_000 if len(made) % 2 == 0 else 11_024
            token = offset + oracle.mixed(tuple(prompt), len(made)) % 1_024
            made.append(token)
            prompt = [*prompt, token]
        index += 1
    return made, seen


@pytest.mark.parametrize("voice", VOICES)
def test_trimmed_history_equals_the_reference(voice: tuple[int, int]) -> None:
    for semantic in range(max(0, voice[0] - 3), voice[0] + 4):
        for coarse in range(max(0, 2 * voice[1] - 4), 2 * voice[1] + 5):
            expected = oracle.reference_history(range(semantic), range(coarse))
            found = trim_history(CONFIG, semantic, coarse, 630)
            assert (found.semantic_tokens, found.coarse_tokens) == tuple(map(len, expected))


def test_steps_of_every_length() -> None:
    assert [coarse_steps(CONFIG, n) for n in (0, 1, 2, 4, 768)] == [0, 2, 6, 12, 2308]
    for n in range(771):
        steps = round(math.floor(n * oracle.RATIO / 2) * 2)
        assert coarse_steps(CONFIG, n) == steps
        least = semantic_tokens_for(CONFIG, steps)
        assert least <= n
        assert coarse_steps(CONFIG, least) >= steps
        assert least == 0 or coarse_steps(CONFIG, least - 1) < steps


@pytest.mark.parametrize("voice", VOICES)
def test_exact_needs_equal_the_published_formula_for_every_length(voice: tuple[int, int]) -> None:
    """Every N from 0 to 770: which windows there are, what they read and when they may run."""
    plan = CoarsePlan.of(CONFIG, ExactWindows(), voice[0], 2 * voice[1])
    base = plan.history.semantic_tokens
    for n in range(771):
        steps = coarse_steps(CONFIG, n)
        for w in range(math.ceil(steps / 60)):
            window = plan.window(w)
            start = max(0, base + round(60 * w / oracle.RATIO) - 209)
            assert window.slice_start == start
            assert window.visible_tokens == max(0, start + 256 - base)
            assert plan.runnable_until(window, n, ended=True) == min(60 * (w + 1), steps)
            expected = 60 * (w + 1) if n >= window.visible_tokens else 60 * w
            assert plan.runnable_until(window, n, ended=False) == expected


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("n", [1, 2, 3, 19, 20, 21, 46, 47, 48, 130, 255, 256, 257, 300, 768])
def test_exact_composition_equals_the_reference(voice: tuple[int, int], n: int) -> None:
    semantic, voice_semantic = numbers(n, 1), numbers(voice[0], 2)
    voice_coarse = numbers(2 * voice[1], 3)
    expected = oracle.reference_coarse(semantic, voice_semantic, voice_coarse)
    plan = CoarsePlan.of(CONFIG, ExactWindows(), len(voice_semantic), len(voice_coarse))
    history = oracle.reference_history(voice_semantic, voice_coarse)
    assert composed(plan, semantic, history) == expected


@pytest.mark.parametrize(
    "policy", [ExactWindows(), PLAIN, LOW, LowLatencyWindows(coarse_history_tokens=60)]
)
@pytest.mark.parametrize("voice", VOICES)
def test_a_window_continues_exactly_when_its_prompt_extends_the_last(
    voice: tuple[int, int], policy: WindowPolicy
) -> None:
    for n in (130, 300, 420, 768):
        semantic = numbers(n, 1)
        plan = CoarsePlan.of(CONFIG, policy, voice[0], 2 * voice[1])
        history = oracle.reference_history(
            numbers(voice[0], 2), numbers(2 * voice[1], 3), plan.max_history_tokens
        )
        made, seen = composed(plan, semantic, history)
        for w in range(1, len(seen)):
            window = plan.window(w, n)
            tokens = tuple(made[plan.window(w - 1).start_step : window.start_step])
            extends = seen[w].prompt == seen[w - 1].prompt + tokens
            assert window.continues == extends
            assert len(seen[w].prompt) + seen[w].steps - 1 <= 1024


def test_prefills_saved_by_the_exact_policy() -> None:
    """The published counts: 1 of 7, 5 of 15, 12 of 22 without a voice; none with a full one."""

    def prefills(n: int, voice: tuple[int, int]) -> tuple[int, int]:
        plan = CoarsePlan.of(CONFIG, ExactWindows(), voice[0], 2 * voice[1])
        count = math.ceil(coarse_steps(CONFIG, n) / 60)
        return sum(not plan.window(w, n).continues for w in range(count)), count

    assert [prefills(n, (0, 0)) for n in (130, 300, 420)] == [(1, 7), (5, 15), (12, 22)]
    assert prefills(420, (731, 1098)) == (22, 22)


@pytest.mark.parametrize("voice", VOICES)
def test_low_latency_sees_a_fixed_look_ahead(voice: tuple[int, int]) -> None:
    """Window w reads its own tokens and the look-ahead, never more than the reference does."""
    for n in (1, 20, 46, 47, 130, 300, 768):
        semantic, voice_semantic = numbers(n, 1), numbers(voice[0], 2)
        voice_coarse = numbers(2 * voice[1], 3)
        exact = CoarsePlan.of(CONFIG, ExactWindows(), voice[0], 2 * voice[1])
        visible = [
            min(math.ceil(60 * (w + 1) / oracle.RATIO) + 27, exact.window(w).visible_tokens)
            for w in range(40)
        ]
        expected = oracle.reference_coarse(semantic, voice_semantic, voice_coarse, visible=visible)
        plan = CoarsePlan.of(CONFIG, PLAIN, voice[0], 2 * voice[1])
        history = oracle.reference_history(voice_semantic, voice_coarse)
        assert composed(plan, semantic, history) == expected


@pytest.mark.parametrize("voice", VOICES)
def test_the_default_is_the_reference_with_other_lengths(voice: tuple[int, int]) -> None:
    """300 tokens of history, windows of 52 to 390 steps, 12 tokens of look-ahead."""
    lengths = (52, 60, 120, 240, 390)
    ends = [sum(lengths[:w]) + 390 * max(0, w - 5) for w in range(1, 10)]
    for n in (1, 20, 29, 30, 130, 152, 300, 768):
        semantic, voice_semantic = numbers(n, 1), numbers(voice[0], 2)
        voice_coarse = numbers(2 * voice[1], 3)
        plan = CoarsePlan.of(CONFIG, LOW, voice[0], 2 * voice[1])
        history = oracle.reference_history(voice_semantic, voice_coarse, 300)
        starts = [0, *ends]
        slices = [
            max(0, len(history[0]) + round(start / oracle.RATIO) - math.floor(300 / oracle.RATIO))
            for start in starts
        ]
        visible = [
            min(math.ceil(end / oracle.RATIO) + 12, slices[w] + 256 - len(history[0]))
            for w, end in enumerate(ends)
        ]
        expected = oracle.reference_coarse(
            semantic,
            voice_semantic,
            voice_coarse,
            max_coarse_history=300,
            lengths=lengths,
            visible=visible,
        )
        assert composed(plan, semantic, history) == expected


def test_plain_low_latency_with_a_full_voice_is_the_reference() -> None:
    """A full voice needs 47 tokens for window 0: no look-ahead beyond 27 asks for more."""
    for w in range(40):
        exact = CoarsePlan.of(CONFIG, ExactWindows(), 346, 1040).window(w)
        assert CoarsePlan.of(CONFIG, PLAIN, 346, 1040).window(w) == exact
    assert exact.visible_tokens == 47 + round(39 * 60 / oracle.RATIO)


def test_without_a_voice_low_latency_starts_early_instead_of_after_256() -> None:
    assert CoarsePlan.of(CONFIG, ExactWindows(), 0, 0).window(0).visible_tokens == 256
    assert CoarsePlan.of(CONFIG, PLAIN, 0, 0).window(0).visible_tokens == 47
    assert CoarsePlan.of(CONFIG, LOW, 0, 0).window(0).visible_tokens == 18 + 12


@settings(max_examples=200, deadline=None)
@given(
    voice=st.sampled_from(VOICES),
    n=st.integers(0, 770),
    w=st.integers(0, 39),
    policy=st.sampled_from(
        [
            ExactWindows(),
            LOW,
            LowLatencyWindows(lookahead_semantic_tokens=0),
            LowLatencyWindows(coarse_ramp_steps=(14, 30, 60, 138)),
            LowLatencyWindows(coarse_history_tokens=60, lookahead_semantic_tokens=5),
        ]
    ),
    seen=st.integers(0, 770),
)
def test_what_runs_early_runs_the_same_as_late(
    voice: tuple[int, int], n: int, w: int, policy: WindowPolicy, seen: int
) -> None:
    """A step that may run when ``seen`` of ``n`` tokens exist reads what it reads at the end."""
    plan = CoarsePlan.of(CONFIG, policy, voice[0], 2 * voice[1])
    early, late = plan.window(w), plan.window(w, n)
    until = plan.runnable_until(early, min(seen, n), ended=False)
    if until > early.start_step:
        assert early == late
        assert until <= plan.runnable_until(late, n, ended=True)


@settings(max_examples=200, deadline=None)
@given(
    voice=st.sampled_from(VOICES),
    policy=st.builds(
        LowLatencyWindows,
        coarse_history_tokens=st.integers(60, 630),
        coarse_ramp_steps=st.tuples(st.integers(1, 768)),
        lookahead_semantic_tokens=st.integers(0, 236),
    ),
    w=st.integers(0, 30),
    size=st.sampled_from([CONFIG, SHORT]),
)
def test_every_window_fits_and_sees_what_it_makes(
    voice: tuple[int, int], policy: LowLatencyWindows, w: int, size: BarkConfig
) -> None:
    """Whatever is asked for: positions suffice, and no window outruns its semantic slice."""
    plan = CoarsePlan.of(size, policy, voice[0], 2 * voice[1])
    window = plan.window(w)
    steps = window.end_step - window.start_step
    assert 1 <= steps <= (policy.coarse_ramp_steps or (0,))[0]
    prompt = size.coarse.max_semantic_tokens + 1 + window.context_tokens
    assert prompt + steps - 1 <= size.coarse_model.block_size
    assert window.visible_tokens >= math.floor(window.end_step / size.coarse_per_semantic)


def test_what_does_not_fit_is_cut_down() -> None:
    policy = LowLatencyWindows(coarse_ramp_steps=(60, 768), coarse_history_tokens=630)
    plan = CoarsePlan.of(CONFIG, policy, 0, 0)
    # Half of the history; 256 semantic tokens, less 104 of it and 12 of look-ahead, last for 420.
    assert (plan.max_history_tokens, plan.ramp.lengths) == (315, (60, 420))
    short = CoarsePlan.of(SHORT, LOW, 0, 0)
    # 336 positions, less 84 semantic tokens and 96 of history, last for 156 steps.
    assert (short.max_history_tokens, short.ramp.lengths) == (96, (52, 60, 120, 156, 156))


def test_what_fits_is_left_as_it_is() -> None:
    plan = CoarsePlan.of(CONFIG, LOW, 0, 0)
    assert (plan.max_history_tokens, plan.ramp.lengths) == (300, (52, 60, 120, 240, 390))
    plain = LowLatencyWindows(coarse_ramp_steps=None, coarse_history_tokens=None)
    for size in (CONFIG, SHORT):
        plan = CoarsePlan.of(size, plain, 0, 0)
        assert plan.max_history_tokens == size.coarse.max_history_tokens
        assert plan.ramp.lengths == (60,)
