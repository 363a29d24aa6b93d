"""One utterance in time: when its parts were made, and when they had to be heard.

The listener begins with the first audio, hears in real time, and waits in silence where it has run
dry. Had it begun at ``gapless_start_s`` it would have heard everything without a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bark_core.config import BarkConfig
from bark_core.options import WindowPolicy
from bark_core.voices import Voice
from bark_core.windows import FinePlan, Known, plan_windows
from bench.measurement import Chunk, Measurement
from bench.recording import BatchRecord


@dataclass(frozen=True, slots=True)
class HeardChunk:
    """A piece of audio. Moments count from the request, places from the utterance's beginning.

    Attributes:
        made_s: When the listener got it.
        audio_start_s: Where it begins.
        audio_end_s: Where it ends.
        due_s: When the listener had heard all before it.
        heard_s: When its first sample was heard.
        due_gapless_s: When its first sample would have been heard, begun at ``gapless_start_s``.
    """

    made_s: float
    audio_start_s: float
    audio_end_s: float
    due_s: float
    heard_s: float
    due_gapless_s: float

    @property
    def gap_s(self) -> float:
        """Silence before it."""
        return self.heard_s - self.due_s


@dataclass(frozen=True, slots=True)
class TimedBatch:
    """A call of the model.

    Attributes:
        stage: As recorded: "semantic_step", "fine_pass" and so on.
        start_s: When it began.
        end_s: When it had its answer.
        rows: Utterances that took part.
        made: Tokens, frames or samples.
        audio_start_s: How far into the utterance its stage had got before.
        audio_end_s: How far after it. Frames that a later fine pass fills again do not count.
        due_s: When the listener had heard all before ``audio_start_s``; it is late if its chunk is.
    """

    stage: str
    start_s: float
    end_s: float
    rows: int
    made: int
    audio_start_s: float
    audio_end_s: float
    due_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """One utterance.

    Attributes:
        first_audio_s: When its listener began.
        gapless_start_s: The earliest moment to begin at so that no gap is heard.
        batches: Calls of the model in order.
        chunks: Pieces of audio in order.
    """

    first_audio_s: float
    gapless_start_s: float
    batches: tuple[TimedBatch, ...]
    chunks: tuple[HeardChunk, ...]

    @property
    def gaps_s(self) -> float:
        """Silence within the utterance, all together."""
        return sum(chunk.gap_s for chunk in self.chunks)


def timeline_of(
    run: Measurement, windows: WindowPolicy, config: BarkConfig, voice: Voice
) -> Timeline:
    """Put a measurement of one utterance alone in time.

    Args:
        run: With batches and chunks.
        windows: Under which it was made.
        config: Of the model.
        voice: That it continued.
    """
    chunks = _heard(run.chunks)
    plan = plan_windows(
        config,
        windows,
        semantic_tokens=voice.semantic.size,
        coarse_frames=voice.coarse.shape[1],
        fine_frames=voice.fine.shape[1],
    ).fine
    places = _Places(config, plan, round(run.audio_s * config.codec.frame_rate_hz))
    batches = []
    for batch in run.batches:
        start_s, end_s = places.move(batch)
        batches.append(
            TimedBatch(
                stage=batch.stage,
                start_s=batch.start_s,
                end_s=batch.end_s,
                rows=batch.rows,
                made=batch.made,
                audio_start_s=start_s,
                audio_end_s=end_s,
                due_s=_due_s(chunks, start_s),
            )
        )
    return Timeline(run.first_audio_s, _gapless_start_s(run.chunks), tuple(batches), chunks)


class _Places:
    """How far into the utterance every stage has got."""

    def __init__(self, config: BarkConfig, plan: FinePlan, frames: int) -> None:
        self._config = config
        self._plan = plan
        self._known = Known(frames=frames, at_least=frames, total=frames)
        self._made: dict[str, int] = {}

    def move(self, batch: BatchRecord) -> tuple[float, float]:
        """Where the batch's stage was before it, and where it is now, in seconds of audio."""
        stage = batch.stage.partition("_")[0]
        before = self._made.get(stage, 0)
        # Fine passes overlap: how far one has got is told by its number.
        self._made[stage] = before + (1 if stage == "fine" else batch.made)
        return self._place_s(stage, before), self._place_s(stage, self._made[stage])

    def _place_s(self, stage: str, made: int) -> float:
        config = self._config
        match stage:
            case "semantic":
                return made / config.semantic.rate_hz
            case "coarse":
                return made / config.coarse.n_codebooks / config.codec.frame_rate_hz
            case "fine":
                return self._plan.final_frames(made, self._known) / config.codec.frame_rate_hz
            case _:
                return made / config.sample_rate_hz


def _heard(chunks: Sequence[Chunk]) -> tuple[HeardChunk, ...]:
    return tuple(_listen(chunks, _gapless_start_s(chunks)))


def _listen(chunks: Sequence[Chunk], gapless_start_s: float) -> Iterator[HeardChunk]:
    due_s = chunks[0].made_s
    for chunk in chunks:
        heard_s = max(due_s, chunk.made_s)
        yield HeardChunk(
            made_s=chunk.made_s,
            audio_start_s=chunk.start_s,
            audio_end_s=chunk.end_s,
            due_s=due_s,
            heard_s=heard_s,
            due_gapless_s=gapless_start_s + chunk.start_s,
        )
        due_s = heard_s + chunk.end_s - chunk.start_s


def _gapless_start_s(chunks: Sequence[Chunk]) -> float:
    return max(chunk.made_s - chunk.start_s for chunk in chunks)


def _due_s(chunks: Sequence[HeardChunk], place_s: float) -> float:
    """When a listener who waits for nothing but this chunk's beginning gets to a place in it."""
    chunk = next((chunk for chunk in chunks if place_s < chunk.audio_end_s), chunks[-1])
    return chunk.due_s + max(0.0, place_s - chunk.audio_start_s)
