"""What every back end promises, whatever it runs on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bark_core.backends.base import (
    AudioOutput,
    Backend,
    BackendLimits,
    CoarsePrefill,
    CoarsePrefillRow,
    CoarseStep,
    CoarseStepRow,
    CodecDecode,
    CodecRow,
    FineOutput,
    FinePass,
    FineRow,
    SemanticPrefill,
    SemanticStep,
    SemanticStepRow,
    TokenOutput,
)
from bark_core.config import BarkConfig
from bark_core.options import SamplingParams
from bark_core.sampling import DrawKey, Stage
from tests.support.drive import (
    MakeBackend,
    SemanticJob,
    coarse_draw,
    drive_coarse_window,
    drive_codec,
    drive_semantic,
    run,
    wide,
)
from tests.support.reference import random_voice

IntArray = NDArray[np.int64]
WARM = SamplingParams(temperature=0.9)
SHUFFLED = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def jobs(config: BarkConfig, count: int) -> list[SemanticJob]:
    """Utterances that differ in text, voice, seed and sampling."""
    return [
        SemanticJob(
            config,
            text_ids=tuple((3 * number + i) % 30 for i in range(1 + number % 5)),
            voice=random_voice(config, number, n_semantic=6 + number) if number % 2 else None,
            params=WARM if number % 3 else SamplingParams(temperature=0),
            seed=number,
            allow_eos=False,
        )
        for number in range(count)
    ]


def coarse_ids(config: BarkConfig, seed: int, count: int) -> IntArray:
    return np.random.default_rng(seed).integers(0, config.coarse.semantic_pad_token, count)


def fine_row(config: BarkConfig, seed: int, frames: int, fill: int) -> FineRow:
    shape = (config.fine.n_codebooks, frames)
    codes = np.random.default_rng(seed).integers(0, config.fine.codebook_size + 1, shape)
    return FineRow(codes, fill, DrawKey(seed, 0, Stage.FINE, 0), temperature=0.5 * (seed % 3))


def random_codes(config: BarkConfig, seed: int, frames: int) -> IntArray:
    shape = (config.fine.n_codebooks, frames)
    return np.random.default_rng(seed).integers(0, config.codec.codebook_size, shape)


def test_it_says_what_it_is(backend: Backend) -> None:
    assert backend.limits == wide(8)
    assert backend.info.name
    assert backend.info.threads >= 1


@SHUFFLED
@given(data=st.data())
def test_semantic_rows_do_not_know_of_each_other(
    backend: Backend, config: BarkConfig, data: st.DataObject
) -> None:
    work = jobs(config, 8)
    alone = [drive_semantic(backend, job, slot=slot, limit=9) for slot, job in enumerate(work)]
    backend.reset(range(8))
    members = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True))
    slots = data.draw(st.permutations(range(8)))
    prefill = SemanticPrefill(tuple(work[member].prefill_row(slots[member]) for member in members))
    tokens = run(backend, prefill, TokenOutput).tokens
    made = {member: [token] for member, token in zip(members, tokens, strict=True)}
    while any(len(made[member]) < 9 for member in members):
        # Every step takes another set of rows in another order: their contexts are ragged.
        waiting = [member for member in members if len(made[member]) < 9]
        chosen = data.draw(st.lists(st.sampled_from(waiting), min_size=1, unique=True))
        rows = []
        for member in chosen:
            last = made[member][-1]
            assert last is not None
            rows.append(SemanticStepRow(slots[member], last, work[member].draw(len(made[member]))))
        tokens = run(backend, SemanticStep(tuple(rows)), TokenOutput).tokens
        for member, token in zip(chosen, tokens, strict=True):
            made[member].append(token)
    assert {member: tuple(of_member) for member, of_member in made.items()} == {
        member: alone[member] for member in members
    }


def test_coarse_rows_do_not_know_of_each_other(backend: Backend, config: BarkConfig) -> None:
    contexts = [coarse_ids(config, seed, 33 + 5 * seed) for seed in range(8)]
    alone = [
        drive_coarse_window(backend, ids, 10, WARM, seed=seed, slot=seed)
        for seed, ids in enumerate(contexts)
    ]
    backend.reset(range(8))
    rows = tuple(
        CoarsePrefillRow(7 - seed, contexts[seed], coarse_draw(0, WARM, seed))
        for seed in (3, 1, 4, 0, 5, 2, 7, 6)
    )
    tokens = run(backend, CoarsePrefill(rows), TokenOutput).tokens
    made = {row.draw.key.seed: [token] for row, token in zip(rows, tokens, strict=True)}
    # Odd seeds lag one step behind, so that codebooks mix within a batch.
    for turn in range(1, 11):
        members = [seed for seed in made if len(made[seed]) < 10 and (turn > 1 or seed % 2 == 0)]
        steps = []
        for seed in members:
            last = made[seed][-1]
            assert last is not None
            steps.append(CoarseStepRow(7 - seed, last, coarse_draw(len(made[seed]), WARM, seed)))
        if steps:
            tokens = run(backend, CoarseStep(tuple(steps)), TokenOutput).tokens
            for seed, token in zip(members, tokens, strict=True):
                made[seed].append(token)
    assert [made[seed] for seed in range(8)] == alone


def test_fine_rows_do_not_know_of_each_other(backend: Backend, config: BarkConfig) -> None:
    rows = [fine_row(config, seed, frames=8 * (seed + 1), fill=3 * seed) for seed in range(4)]
    alone = [run(backend, FinePass((row,)), FineOutput).codes[0] for row in rows]
    together = run(backend, FinePass(tuple(reversed(rows))), FineOutput).codes
    for one, other in zip(alone, reversed(together), strict=True):
        np.testing.assert_array_equal(one, other)


def test_codec_rows_do_not_know_of_each_other(backend: Backend, config: BarkConfig) -> None:
    streams = [random_codes(config, seed, 20) for seed in range(4)]
    alone = [drive_codec(backend, codes, (11,), slot=seed) for seed, codes in enumerate(streams)]
    backend.reset(range(8))
    pieces: list[list[NDArray[np.float32]]] = [[] for _ in streams]
    for start, end in ((0, 11), (11, 20)):
        rows = tuple(
            CodecRow(7 - seed, codes[:, start:end], final=end == 20)
            for seed, codes in enumerate(streams)
        )
        for seed, pcm in enumerate(run(backend, CodecDecode(rows), AudioOutput).pcm):
            pieces[seed].append(pcm)
    for seed, of_stream in enumerate(pieces):
        np.testing.assert_array_equal(np.concatenate(of_stream), alone[seed])  # bit for bit


def test_the_same_work_gives_the_same_results_in_another_instance(
    make_backend: MakeBackend, config: BarkConfig
) -> None:
    first, second = make_backend(wide(2)), make_backend(wide(3))
    job = jobs(config, 2)[1]
    codes = random_codes(config, 1, 12)
    assert drive_semantic(first, job, limit=20) == drive_semantic(second, job, slot=2, limit=20)
    np.testing.assert_array_equal(drive_codec(first, codes), drive_codec(second, codes, slot=1))


def test_reset_forgets_one_slot_and_no_other(backend: Backend, config: BarkConfig) -> None:
    codes = random_codes(config, 5, 24)
    whole = drive_codec(backend, codes, (12,))
    ids = coarse_ids(config, 5, 40)
    window = drive_coarse_window(backend, ids, 8)
    backend.reset(range(8))
    halves = []
    for slot in (1, 2):
        first_half = CodecRow(slot, codes[:, :12], final=False)
        halves.append(run(backend, CodecDecode((first_half,)), AudioOutput).pcm[0])
        made = drive_coarse_window(backend, ids, 4, slot=slot)
        run(backend, SemanticPrefill((jobs(config, 1)[0].prefill_row(slot),)), TokenOutput)
    backend.reset((1,))
    rest = run(backend, CodecDecode((CodecRow(2, codes[:, 12:], final=True),)), AudioOutput).pcm[0]
    np.testing.assert_array_equal(np.concatenate((halves[1], rest)), whole)
    for step in range(4, 8):
        row = CoarseStepRow(2, made[-1], coarse_draw(step))
        token = run(backend, CoarseStep((row,)), TokenOutput).tokens[0]
        assert token is not None
        made.append(token)
    assert made == window
    # The forgotten one starts anew: as a stream, and not as a context.
    np.testing.assert_array_equal(drive_codec(backend, codes, (12,), slot=1), whole)
    with pytest.raises(AssertionError, match="without prefill"):
        backend.execute(CoarseStep((CoarseStepRow(1, made[-1], coarse_draw(4)),)))
    step_row = SemanticStepRow(1, 3, jobs(config, 1)[0].draw(1))
    with pytest.raises(AssertionError, match="without prefill"):
        backend.execute(SemanticStep((step_row,)))


def test_a_prefill_clears_its_slot(backend: Backend, config: BarkConfig) -> None:
    first, second = jobs(config, 2)
    fresh = drive_semantic(backend, second, slot=1, limit=9)
    drive_semantic(backend, first, slot=0, limit=9)
    assert drive_semantic(backend, second, slot=0, limit=9) == fresh


@pytest.mark.parametrize("split", [33, 34, 50, 59])
def test_a_prefill_and_steps_equal_a_longer_prefill(
    backend: Backend, config: BarkConfig, split: int
) -> None:
    if backend.info.dtype.startswith("int"):
        # docs/back-ends.md: prefills round rows to 8 bits in one way, steps blocks in another. What
        # int8 promises instead is tested of the same work in other company, above and below.
        pytest.skip("quantised prefills and steps round in different ways, by design")
    ids = coarse_ids(config, 9, 60)
    longer = drive_coarse_window(backend, ids, 6, slot=1)
    start = CoarsePrefillRow(0, ids[:split], coarse_draw(0))
    run(backend, CoarsePrefill((start,)), TokenOutput)
    for token in [*ids[split:-1].tolist()]:
        run(backend, CoarseStep((CoarseStepRow(0, token, coarse_draw(0)),)), TokenOutput)
    made: list[int] = []
    for step in range(6):
        token = made[-1] if made else int(ids[-1])
        row = CoarseStepRow(0, token, coarse_draw(step))
        drawn = run(backend, CoarseStep((row,)), TokenOutput).tokens[0]
        assert drawn is not None
        made.append(drawn)
    assert made == longer


def test_tokens_are_in_their_ranges(backend: Backend, config: BarkConfig) -> None:
    for job in jobs(config, 4):
        made = drive_semantic(backend, job, limit=config.semantic.max_new_tokens)
        assert len(made) == config.semantic.max_new_tokens  # the end is forbidden
        assert all(0 <= token < config.semantic.vocab_size for token in made)
    size, first = config.coarse.codebook_size, config.semantic.vocab_size
    hot = SamplingParams(temperature=10)
    for step, token in enumerate(drive_coarse_window(backend, coarse_ids(config, 0, 40), 60, hot)):
        start = first + step % 2 * size
        assert start <= token < start + size


def test_a_fine_pass_fills_its_columns_only(backend: Backend, config: BarkConfig) -> None:
    row = fine_row(config, 4, frames=20, fill=7)
    before = row.codes.copy()
    (codes,) = run(backend, FinePass((row,)), FineOutput).codes
    n_coarse = config.coarse.n_codebooks
    np.testing.assert_array_equal(row.codes, before)
    np.testing.assert_array_equal(codes[:n_coarse], before[:n_coarse])
    np.testing.assert_array_equal(codes[:, :7], before[:, :7])
    filled = codes[n_coarse:, 7:]
    assert ((filled >= 0) & (filled < config.fine.codebook_size)).all()
    assert (filled != before[n_coarse:, 7:]).any()
    # Another key, another draw; temperature 0 draws nothing.
    other_key = replace(row, key=replace(row.key, seed=99))
    (other,) = run(backend, FinePass((other_key,)), FineOutput).codes
    assert (other != codes).any()
    greedy = replace(row, temperature=0.0), replace(other_key, temperature=0.0)
    one, another = (run(backend, FinePass((row,)), FineOutput).codes[0] for row in greedy)
    np.testing.assert_array_equal(one, another)


@given(cuts=st.lists(st.integers(0, 25), max_size=6))
@SHUFFLED
def test_codec_cuts_do_not_matter(backend: Backend, config: BarkConfig, cuts: list[int]) -> None:
    codes = random_codes(config, 3, 25)
    whole = drive_codec(backend, codes)
    assert whole.dtype == np.float32
    assert whole.shape == (25 * config.hop_samples,)
    np.testing.assert_allclose(drive_codec(backend, codes, tuple(cuts)), whole, atol=1e-4)


def test_batches_outside_the_limits_are_refused(
    make_backend: MakeBackend, config: BarkConfig
) -> None:
    limits = BackendLimits(
        slots=4, max_step_rows=2, max_prefill_rows=1, max_fine_rows=1, max_codec_rows=1
    )
    backend = make_backend(limits)
    prefills = tuple(job.prefill_row(slot) for slot, job in enumerate(jobs(config, 3)))
    for row in prefills:
        backend.execute(SemanticPrefill((row,)))
    steps = tuple(SemanticStepRow(row.slot, 1, row.draw) for row in prefills)
    frames = random_codes(config, 0, 3)
    for batch in (
        SemanticPrefill(prefills[:2]),
        SemanticStep(steps),
        SemanticStep((steps[0], steps[0])),
        SemanticStep(()),
        FinePass((fine_row(config, 0, 8, 0), fine_row(config, 1, 8, 0))),
        CodecDecode((CodecRow(0, frames, False), CodecRow(1, frames, False))),
    ):
        with pytest.raises(AssertionError):
            backend.execute(batch)


def test_read_only_and_strided_arrays_are_welcome(backend: Backend, config: BarkConfig) -> None:
    codes = random_codes(config, 6, 10)
    frozen = codes.copy()
    frozen.flags.writeable = False
    mirrored = np.ascontiguousarray(codes[:, ::-1])[:, ::-1]
    whole = drive_codec(backend, codes)
    np.testing.assert_array_equal(drive_codec(backend, frozen), whole)
    np.testing.assert_array_equal(drive_codec(backend, mirrored), whole)
    row = fine_row(config, 1, 10, 0)
    (expected,) = run(backend, FinePass((row,)), FineOutput).codes
    row.codes.flags.writeable = False
    np.testing.assert_array_equal(run(backend, FinePass((row,)), FineOutput).codes[0], expected)


def test_close_may_be_called_twice(make_backend: MakeBackend) -> None:
    backend = make_backend(wide(1))
    backend.close()
    backend.close()
