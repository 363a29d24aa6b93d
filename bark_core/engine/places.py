"""Places: who of those in line may begin, and what the others have to expect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from bark_core.backends.base import BackendLimits
from bark_core.config import BarkConfig
from bark_core.engine.capacity import CostModel, Listener
from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.degradation import measures
from bark_core.engine.events import UtteranceQueued
from bark_core.engine.interface import EngineLimits
from bark_core.engine.length import LengthMeter
from bark_core.engine.line import moved, positions
from bark_core.engine.outlook import Making, Outlook, Waiting, ends_s
from bark_core.engine.pieces import Recipe, recipe_of
from bark_core.engine.stream import Stream
from bark_core.engine.utterance import Utterance
from bark_core.options import LowLatencyWindows, WindowPolicy

RECHECK_S = 0.05
"""Whether somebody may begin is asked again after so long, or when somebody has left."""

TURN_WEIGHT = 0.2
"""Of the latest turn in their mean: texts are of very unequal length."""

MAX_POLICIES = 8
"""Window policies whose pieces are remembered."""


class Places:
    """Decides by what was measured, if the limits say so; otherwise whoever gets a slot may begin.

    Args:
        config: The checkpoint's.
        backend: Limits of the back end.
        limits: Of the engine.
        costs: What was measured.
        lengths: How long utterances are.
    """

    def __init__(
        self,
        config: BarkConfig,
        backend: BackendLimits,
        limits: EngineLimits,
        costs: MeasuredCosts,
        lengths: LengthMeter,
    ) -> None:
        self._config = config
        self._slots = backend.slots
        self._limits = limits
        self._costs = costs
        self._recipes: dict[WindowPolicy, Recipe] = {}
        self._lengths = lengths
        self._room = True
        self._turn_s = 0.0
        self._begun_s = -math.inf
        self._told_until_s = -math.inf
        self._obeyed = 0
        self._asked_with = -1
        self._ask_again_s = -math.inf

    @property
    def ask_again_s(self) -> float:
        """When the answer of `may_begin` may be another one; past: nobody asked lately."""
        return self._ask_again_s

    def submitted(self) -> None:
        """One more utterance is known."""
        self._obeyed += 1

    def changed(self) -> None:
        """Somebody has got a slot, or has left: what is expected is another thing now."""
        self._told_until_s = -math.inf

    def news(
        self, streams: Sequence[Stream], line: Sequence[Utterance], now_s: float
    ) -> Outlook | None:
        """What newcomers have to expect; None: much as was told last, or places are not counted."""
        if now_s < self._told_until_s:
            return None
        self._told_until_s = now_s + self._limits.progress_interval_s
        return self.outlook(streams, line, now_s)

    def positions(
        self, streams: Sequence[Stream], line: Sequence[Utterance], now_s: float
    ) -> list[UtteranceQueued]:
        """Positions that have changed, of those who wait for a place."""
        if not (self._limits.measured_places and moved(line)):
            return []
        self.changed()
        outlook = self.outlook(streams, line, now_s)
        return [] if outlook is None else positions(line, outlook, self._limits)

    def began(self, head: Utterance, now_s: float) -> None:
        """A stream got its place."""
        turn_s = now_s - max(self._begun_s, head.arrival_s)
        self._begun_s = now_s
        if head.position:
            self._turn_s += TURN_WEIGHT * (turn_s - self._turn_s) if self._turn_s else turn_s

    def may_begin(self, head: Utterance, streams: Sequence[Stream], now_s: float) -> bool:
        """Whether another stream may begin beside those that have a place."""
        if not self._limits.measured_places or not streams:
            return True
        if len(streams) != self._asked_with or now_s >= self._ask_again_s:
            self._asked_with, self._ask_again_s = len(streams), now_s + RECHECK_S
            model = self._model(head.request.options.windows)
            self._room = len(streams) < model.places(self._slots)
            if self._room:
                start = model.start(
                    [_listener(stream, model, now_s) for stream in streams],
                    head.request.pacing.start_slack_s,
                )
                self._room = start.short_s <= 0
        return self._room

    def outlook(
        self, streams: Sequence[Stream], line: Sequence[Utterance], now_s: float
    ) -> Outlook | None:
        """What newcomers have to expect; None: places are not counted."""
        if not self._limits.measured_places:
            return None
        model = self._model(LowLatencyWindows())
        places = model.places(self._slots)
        paces = [model.pace(fed) for fed in range(len(streams) + 1)]
        usual_s = min((s.head.request.pacing.start_slack_s for s in streams if s.head), default=0.0)
        start = model.start([_listener(stream, model, now_s) for stream in streams], usual_s)
        ends = ends_s([self._making(stream, now_s) for stream in streams], paces)
        # More may have begun than can be fed now: their places are given to nobody.
        kept = ends[max(0, len(ends) - places) :]
        free = places - len(kept)
        # Those in hand grow by what the machine has left; then the next one may begin.
        spare = 1 - paces[-1]
        begin_s = start.short_s / spare if spare > 0 else math.inf
        first = min(begin_s, ends[0]) if ends else 0.0
        frees = sorted([*([first] * free), *kept])
        pace = model.pace(places)
        spares_s = [self._spare_s(stream, model, now_s) for stream in streams]
        outlook = Outlook(
            at_s=now_s,
            obeyed=self._obeyed,
            places=places,
            free_at_s=tuple(now_s + free_s for free_s in frees),
            line=(),
            turn_s=self._turn_s,
            first_audio_s=start.first_audio_s,
            pace=pace,
            speech_ratio=self._lengths.speech_s(1.0),
            line_open=measures(min(spares_s, default=math.inf)).queueing,
        )
        waiting = tuple(Waiting(one.request.priority, outlook.keeps_s(one.request)) for one in line)
        return replace(outlook, line=waiting)

    def _spare_s(self, stream: Stream, model: CostModel, now_s: float) -> float:
        """Time that the listener has to spare; inf: nothing has been heard yet."""
        listener = _listener(stream, model, now_s)
        if listener.held_s is None:
            return math.inf
        return listener.held_s - self._costs.alone_s(listener.rows, 1)

    def _making(self, stream: Stream, now_s: float) -> Making:
        config = self._config
        left_s = self._lengths.speech_s(stream.utterances[-1].request.following_s)
        for utterance in stream.utterances:
            pipeline = utterance.pipeline
            progress = None if pipeline is None else pipeline.progress()
            tokens = 0 if progress is None else progress.semantic_tokens
            if progress is None or not progress.semantic_done:
                tokens = self._lengths.tokens(utterance.request, tokens)
            made_s = utterance.made_samples / config.sample_rate_hz
            left_s += max(tokens / config.semantic.rate_hz - made_s, 0.0)
        head = stream.head
        assert head is not None
        return Making(left_s, stream.clock.lead_s(now_s), head.request.pacing.max_lead_s)

    def _model(self, windows: WindowPolicy) -> CostModel:
        recipe = self._recipes.get(windows)
        if recipe is None:
            if len(self._recipes) >= MAX_POLICIES:
                self._recipes.clear()
            recipe = self._recipes[windows] = recipe_of(self._config, windows)
        return CostModel(self._costs, recipe, self._limits.headroom)


def _listener(stream: Stream, model: CostModel, now_s: float) -> Listener:
    head = stream.head
    assert head is not None
    heard = stream.clock.dry_at_s(now_s) > head.arrival_s
    held_s = stream.clock.lead_s(now_s) if heard else None
    slack_s = head.request.pacing.start_slack_s
    if head.pipeline is None:
        return Listener(held_s, model.recipe.pieces[0].rows, 0, slack_s)
    return Listener(held_s, head.pipeline.until_audio(), head.pipeline.pieces_done, slack_s)
