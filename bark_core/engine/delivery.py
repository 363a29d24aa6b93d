"""What listeners are told and given while their utterances are made."""

from __future__ import annotations

from bark_core.backends.base import FloatArray
from bark_core.config import BarkConfig
from bark_core.engine.company import Company
from bark_core.engine.events import AudioReady, Event, UtteranceProgress
from bark_core.engine.hinting import Hinting
from bark_core.engine.hold import Hold
from bark_core.engine.interface import EngineLimits
from bark_core.engine.start_hint import StartHint
from bark_core.engine.tally import TallyKeeper
from bark_core.engine.utterance import Utterance


class Delivery:
    """Turns samples and counts into events, and tells the clocks of streams.

    Args:
        config: The checkpoint's.
        bounds: Of the engine.
        hinting: Knows when listeners should start.
        tally: Counts leads.
        events: Where events are put.
    """

    def __init__(
        self,
        config: BarkConfig,
        bounds: EngineLimits,
        hinting: Hinting,
        tally: TallyKeeper,
        events: list[Event],
    ) -> None:
        self._config = config
        self._bounds = bounds
        self._hinting = hinting
        self._tally = tally
        self._events = events

    def audio(
        self, utterance: Utterance, pcm: FloatArray, now_s: float, *, company: Company
    ) -> None:
        """Send samples or keep them back, but not those that were sent before a restart.

        Args:
            utterance: The head of its stream.
            pcm: [N] samples that follow those made before.
            now_s: The moment.
            company: Who wants to be fed now.
        """
        start, hold = utterance.made_samples, utterance.hold
        known = utterance.delivered_samples + (hold.samples if hold else 0)
        utterance.made_samples += pcm.size
        fresh = pcm[max(0, known - start) :]
        if not fresh.size:
            return
        pacing = utterance.request.pacing
        holds = pacing.max_hold_s > 0 and not pacing.honours_start_hint
        if hold is None and holds and utterance.stream.clock.lead_s(now_s) == 0.0:
            last_s = now_s + pacing.max_hold_s
            hold = utterance.hold = Hold(last_s, last_s)
        if hold is None:
            self._send(utterance, fresh, now_s, company)
            return
        hold.add(fresh)
        held_s = hold.samples / self._config.sample_rate_hz
        hint = self._hinting.hint(utterance, held_s, now_s, company)
        delay_s = hint.delay_s
        if company.fed > 1 and now_s + delay_s > hold.last_s:
            # That all of them together are too many was for admission to see. Who begins among
            # others is late with the first, short chunks, and is soon further ahead.
            delay_s = min(hint.soon_s, hold.last_s - now_s)
        hold.until_s = now_s + delay_s
        if delay_s <= 0 or hold.until_s > hold.last_s:
            self.release(utterance, now_s, company=company)

    def release(self, utterance: Utterance, now_s: float, *, company: Company) -> None:
        """Send what is kept back of an utterance, if there is any."""
        hold, utterance.hold = utterance.hold, None
        if hold is not None:
            self._send(utterance, hold.take(), now_s, company)

    def _send(
        self, utterance: Utterance, fresh: FloatArray, now_s: float, company: Company
    ) -> None:
        """[N] samples leave."""
        clock = utterance.stream.clock
        lead_s = clock.lead_s(now_s)
        silent = clock.waiting or lead_s == 0.0
        if utterance.delivered_samples:
            self._tally.lead(lead_s)
            if lead_s == 0.0:
                utterance.underruns += 1
        honours = utterance.request.pacing.honours_start_hint
        clock.deliver(fresh.size / self._config.sample_rate_hz, now_s, honours_hints=honours)
        self._events.append(
            AudioReady(
                utterance_id=utterance.utterance_id,
                pcm=fresh.copy(),
                start_sample=utterance.delivered_samples,
                start_hint=self._hint(utterance, now_s, company) if silent else None,
            )
        )
        utterance.delivered_samples += fresh.size
        if utterance.first_audio_s is None:
            utterance.first_audio_s = now_s

    def progress(self, utterance: Utterance, now_s: float, *, company: Company) -> None:
        """Tell how far it is, rate-limited."""
        if now_s - utterance.progress_at_s < self._bounds.progress_interval_s:
            return
        utterance.progress_at_s = now_s
        assert utterance.pipeline is not None
        progress = utterance.pipeline.progress()
        total = progress.total_frames
        waits = utterance.is_head and utterance.stream.clock.waiting
        # Audio that is made again after a restart would count as still to come.
        told = waits and utterance.made_samples >= utterance.delivered_samples
        self._events.append(
            UtteranceProgress(
                utterance_id=utterance.utterance_id,
                semantic_tokens=progress.semantic_tokens,
                semantic_done=progress.semantic_done,
                coarse_frames=progress.coarse_frames,
                fine_frames=progress.fine_frames,
                expected_samples=None if total is None else total * self._config.hop_samples,
                start_hint=self._hint(utterance, now_s, company) if told else None,
            )
        )

    def _hint(self, utterance: Utterance, now_s: float, company: Company) -> StartHint:
        """What the utterance's listener, who is silent, should wait for; the clock is told."""
        clock = utterance.stream.clock
        hint = self._hinting.hint(utterance, clock.lead_s(now_s), now_s, company)
        clock.hint(hint.buffer_s, now_s)
        return hint
