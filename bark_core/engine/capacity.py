"""How many listeners can be fed at once, and whether one more can begin now. Pure, without a clock.

Two tests, both from the theory of real-time scheduling:

* *Utilisation*: so many listeners can be fed for ever as the time they take together is no more
  than the time there is (Liu and Layland, "Scheduling Algorithms for Multiprogramming in a
  Hard-Real-Time Environment", 1973; the policy is earliest deadline first).
* *Demand*: nobody runs dry who has little in hand now, if at every moment when a piece of audio is
  due all work due until then fits before it (processor demand criterion; Baruah, Rosier and Howell,
  "Algorithms and Complexity Concerning the Preemptive Scheduling of Periodic, Real-Time Tasks on
  One Processor", 1990). A batch cannot be interrupted, so the longest one is added.

The pessimism is bounded: listeners are taken to go on for the longest utterance, and no batch is
taken to be shared by more than batches lately were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bark_core.engine.costs import MeasuredCosts
from bark_core.engine.pieces import Recipe
from bark_core.engine.work import Work


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who has a place.

    Attributes:
        held_s: Audio in hand, not yet heard; None: nothing has come yet.
        rows: What has to be computed until the next piece of audio.
        pieces_done: Pieces of the present utterance that have been delivered.
        slack_s: Once the first audio has been made, its start may be put off for so long, so that
            it goes on without a gap.
    """

    held_s: float | None
    rows: Mapping[Work, int]
    pieces_done: int
    slack_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Start:
    """What comes of one more listener's beginning now.

    Attributes:
        first_audio_s: Until its first audio.
        short_s: Time that is missing so that nobody runs dry; 0: it may begin.
    """

    first_audio_s: float
    short_s: float


@dataclass(frozen=True, slots=True)
class _Due:
    """Work that is done by then; ``hard``: somebody runs dry otherwise."""

    at_s: float
    work_s: float
    hard: bool


@dataclass(frozen=True, slots=True)
class CostModel:
    """What feeding listeners takes, of what was measured.

    Attributes:
        costs: What was measured.
        recipe: What the longest utterance takes.
        headroom: Part of the time that is planned for nobody: what was measured are means, and the
            machine has other things to do. 0 to below 1.
    """

    costs: MeasuredCosts
    recipe: Recipe
    headroom: float

    def pace(self, fed: int) -> float:
        """Seconds of work for a second of audio of each of ``fed`` listeners; above 1: too many."""
        if not fed or not self.recipe.pieces:
            return 0.0
        return fed * self.costs.share_s(self.recipe.rows, fed) / self.recipe.audio_s

    def places(self, slots: int) -> int:
        """Listeners that can be fed at once, for ever; at least 1.

        Who is alone on a machine that is slower than real time runs dry, but nobody else than the
        caller can say that this is of no use.
        """
        low, high = 1, max(slots, 1)
        while low < high:
            middle = (low + high + 1) // 2
            if self.pace(middle) <= 1 - self.headroom:
                low = middle
            else:
                high = middle - 1
        return low

    def start(self, listeners: Sequence[Listener], slack_s: float = 0.0) -> Start:
        """One more listener begins beside these. Its first audio gives way to what they need.

        Args:
            listeners: All who have a place.
            slack_s: Of the newcomer, see ``Listener``.
        """
        at_once = self._start(listeners, slack_s, put_off=False)
        if at_once.short_s <= 0:
            return at_once
        late = self._start(listeners, slack_s, put_off=True)
        return Start(at_once.first_audio_s + min(slack_s, at_once.short_s), late.short_s)

    def _start(self, listeners: Sequence[Listener], slack_s: float, *, put_off: bool) -> Start:
        """``put_off``: those who have not started use all their slack."""
        pieces = self.recipe.pieces
        if not pieces:
            return Start(0.0, 0.0)
        fed, steady_s = len(listeners) + 1, max(piece.audio_s for piece in pieces)
        # The first pieces are short, and those after them longer: they are made in haste, alone,
        # and where even that takes all the time there is, nobody else is to blame.
        works_s = [
            self.costs.share_s(piece.rows, 1)
            if before.audio_s < steady_s
            else self._work_s(piece.rows, fed)
            for before, piece in pairwise((pieces[0], *pieces))
        ]
        dues: list[_Due] = []
        for one in listeners:
            if one.held_s is not None:
                hasty = pieces[(one.pieces_done - 1) % len(pieces)].audio_s < steady_s
                work_s = self._work_s(one.rows, 1 if hasty else fed)
                dues.append(_Due(one.held_s, work_s, hard=True))
                dues += self._later(one.pieces_done, one.held_s, works_s)
        begun_s = first_audio_s = 0.0
        newcomer = Listener(None, pieces[0].rows, 0, slack_s)
        for one in (*(one for one in listeners if one.held_s is None), newcomer):
            # One after another: what they share makes it sooner than this.
            work_s = self._work_s(one.rows, fed)
            begun_s += work_s
            first_audio_s = _served(begun_s, dues)
            dues.append(_Due(first_audio_s, work_s, hard=False))
            dues += self._later(one.pieces_done, first_audio_s + put_off * one.slack_s, works_s)
        if fed == 1:
            return Start(first_audio_s, 0.0)
        block_s = max(self.costs.alone_s({work: 1}, 1) for work in Work)
        total_s = short_s = 0.0
        for due in sorted(dues, key=lambda due: due.at_s):
            total_s += due.work_s
            if due.hard:
                short_s = max(short_s, total_s + block_s - due.at_s)
        return Start(first_audio_s, short_s)

    def _work_s(self, rows: Mapping[Work, int], fed: int) -> float:
        return self.costs.share_s(rows, fed) / (1 - self.headroom)

    def _later(self, index: int, dry_s: float, works_s: Sequence[float]) -> list[_Due]:
        """What is due after piece ``index``, which comes before ``dry_s``, and plays from then on.

        For as long as the longest utterance; utterances follow each other, for all we know.
        """
        pieces = self.recipe.pieces
        count, end_s = len(pieces), dry_s + self.recipe.audio_s
        dues = []
        while (dry_s := dry_s + pieces[index % count].audio_s) < end_s:
            index += 1
            dues.append(_Due(dry_s, works_s[index % count], hard=True))
        return dues


def _served(work_s: float, dues: Sequence[_Due]) -> float:
    """When so much work is done that gives way to all that is due sooner.

    The response time of what has the least priority (Joseph and Pandya, "Finding Response Times in
    a Real-Time System", 1986).
    """
    done_s = work_s
    for due in sorted((due for due in dues if due.hard), key=lambda due: due.at_s):
        if due.at_s >= done_s:
            break
        done_s += due.work_s
    return done_s
