"""The figures of one run, from its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bench.call_records import CallerRecord, RunRecord, TurnRecord
from bench.listening import Level, levels, mean_listeners, sustained_listeners
from bench.spread import jain_index, percentile


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What a run comes to. None: nothing of the kind happened.

    Slow readers count among the callers and their audio counts; their silences do not, being their
    own doing. A first audio that never came counts with the time it was waited for, so that the
    percentiles err on the good side at most.

    Attributes:
        callers: That arrived.
        admitted: Not turned away.
        turned_away: Refused before they were spoken to.
        refused_later: Admitted, and refused in a later turn.
        failed: Ended by any other error.
        not_dialled: The generator had no room for them.
        slow_readers: Among the admitted.
        turns_heard: To their end.
        turns_barged_in: Interrupted by the caller.
        turns_given_up: The caller hung up for lack of speech.
        turns_broken: Failed after their first audio, or for another reason than a lack of room.
        turns_cut: By the end of the run.
        audio_s_per_s: Audio that came within the window, per second of it.
        listening_mean: Listeners at once, averaged over the window.
        listening_peak: The most at once.
        listening_sustained: The most at once, for a second in all, without any underrun at so many
            listeners or fewer.
        underruns: Silences within speech.
        underrun_s: Their length in all.
        callers_with_underruns_share: Of the admitted, slow readers left out.
        first_audio_p50_s: From a text given into silence to its first audio.
        first_audio_p95_s: Likewise.
        first_audio_p99_s: Likewise.
        first_audio_in_vain: Texts whose first audio never came.
        cancels: That were sent while the server was speaking.
        cancel_ack_p50_s: From a cancel to the server's report.
        cancel_ack_p99_s: Likewise.
        refusal_p50_s: From asking to knowing that there is no room.
        refusal_p99_s: Likewise.
        refusals_with_retry_share: Refusals that said when to try again.
        fairness_delivery: Jain's index over the callers' shares of speech in speech and silence.
        fairness_first_audio: Jain's index over the callers' mean waits for a first audio.
        generator_lag_p99_s: How late the generator's own loop was: what it may add to any figure.
    """

    callers: int
    admitted: int
    turned_away: int
    refused_later: int
    failed: int
    not_dialled: int
    slow_readers: int
    turns_heard: int
    turns_barged_in: int
    turns_given_up: int
    turns_broken: int
    turns_cut: int
    audio_s_per_s: float
    listening_mean: float
    listening_peak: int
    listening_sustained: int
    underruns: int
    underrun_s: float
    callers_with_underruns_share: float | None
    first_audio_p50_s: float | None
    first_audio_p95_s: float | None
    first_audio_p99_s: float | None
    first_audio_in_vain: int
    cancels: int
    cancel_ack_p50_s: float | None
    cancel_ack_p99_s: float | None
    refusal_p50_s: float | None
    refusal_p99_s: float | None
    refusals_with_retry_share: float | None
    fairness_delivery: float | None
    fairness_first_audio: float | None
    generator_lag_p99_s: float | None


def figures_of(run: RunRecord) -> LoadFigures:
    """All figures."""
    admitted = [caller for caller in run.callers if not caller.turned_away]
    listeners = [caller for caller in admitted if not caller.slow]
    turns = [turn for caller in run.callers for turn in caller.turns]
    ends = Counter(turn.end for turn in turns)
    refusals = [caller.refusal for caller in run.callers if caller.refusal is not None]
    told_s = [refusal.after_s for refusal in refusals]
    waits_s = [wait_s for turn in turns for wait_s in _waits_s(turn)]
    acks_s = [turn.cancel_ack_s for turn in turns if turn.cancel_ack_s is not None]
    underruns = [underrun for turn in turns for underrun in turn.clock.underruns]
    over_time = listening_levels(run)
    return LoadFigures(
        callers=len(run.callers),
        admitted=len(admitted),
        turned_away=len(run.callers) - len(admitted),
        refused_later=sum(caller.refusal is not None for caller in admitted),
        failed=sum(caller.failure is not None for caller in run.callers),
        not_dialled=run.not_dialled,
        slow_readers=len(admitted) - len(listeners),
        turns_heard=ends["heard"],
        turns_barged_in=ends["barged_in"],
        turns_given_up=ends["gave_up"],
        turns_broken=ends["broken"],
        turns_cut=ends["cut"],
        audio_s_per_s=_audio_in_window_s(run) / run.window_s,
        listening_mean=mean_listeners(over_time, run.window_s),
        listening_peak=max((level.listeners for level in over_time), default=0),
        listening_sustained=sustained_listeners(
            over_time, (underrun.start_s for underrun in underruns)
        ),
        underruns=len(underruns),
        underrun_s=sum(underrun.length_s for underrun in underruns),
        callers_with_underruns_share=_mean([_stuttered(caller) for caller in listeners]),
        first_audio_p50_s=percentile(waits_s, 50),
        first_audio_p95_s=percentile(waits_s, 95),
        first_audio_p99_s=percentile(waits_s, 99),
        first_audio_in_vain=sum(turn.in_vain_s is not None for turn in turns),
        cancels=len(acks_s),
        cancel_ack_p50_s=percentile(acks_s, 50),
        cancel_ack_p99_s=percentile(acks_s, 99),
        refusal_p50_s=percentile(told_s, 50),
        refusal_p99_s=percentile(told_s, 99),
        refusals_with_retry_share=_mean(
            [refusal.retry_after_s is not None for refusal in refusals]
        ),
        fairness_delivery=jain_index(list(_delivery_shares(listeners))),
        fairness_first_audio=jain_index(list(_mean_waits_s(listeners))),
        generator_lag_p99_s=percentile(run.lags_s, 99),
    )


def listening_levels(run: RunRecord) -> list[Level]:
    """Listeners over time, slow readers left out."""
    return levels(
        (turn.clock.start_s, turn.heard_until_s)
        for caller in run.callers
        for turn in caller.turns
        if turn.clock.start_s is not None and turn.heard_until_s is not None
    )


def first_audio_waits_s(run: RunRecord) -> list[float]:
    """All waits for a first audio."""
    return [wait_s for caller in run.callers for turn in caller.turns for wait_s in _waits_s(turn)]


def _waits_s(turn: TurnRecord) -> list[float]:
    return turn.clock.waits_s + ([] if turn.in_vain_s is None else [turn.in_vain_s])


def _audio_in_window_s(run: RunRecord) -> float:
    return sum(
        length_s
        for caller in run.callers
        for at_s, length_s in caller.deliveries
        if at_s <= run.window_s
    )


def _stuttered(caller: CallerRecord) -> bool:
    return any(turn.clock.underruns for turn in caller.turns)


def _delivery_shares(callers: list[CallerRecord]) -> Iterator[float]:
    for caller in callers:
        heard_s = sum(turn.clock.delivered_s for turn in caller.turns)
        silent_s = sum(
            sum(_waits_s(turn)) + sum(underrun.length_s for underrun in turn.clock.underruns)
            for turn in caller.turns
        )
        if heard_s + silent_s > 0:
            yield heard_s / (heard_s + silent_s)


def _mean_waits_s(callers: list[CallerRecord]) -> Iterator[float]:
    for caller in callers:
        waits_s = [wait_s for turn in caller.turns for wait_s in _waits_s(turn)]
        if waits_s:
            yield sum(waits_s) / len(waits_s)


def _mean(values: list[bool]) -> float | None:
    return sum(values) / len(values) if values else None
