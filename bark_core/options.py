"""How one utterance is to be made: sampling and windows. Plain frozen data, safe to pickle."""

from __future__ import annotations

from dataclasses import dataclass, field

from bark_core.errors import OptionError

MAX_SEED = 2**63 - 1

# Ranges, bounds included, of options that are checked the same way.
_RANGES = {
    "temperature": (0, 10),
    "codec_chunk_frames": (1, 1024),
    "lookahead_semantic_tokens": (0, 236),
    "ramp_frames": (1, 384),
    "fine_lookahead_frames": (0, 128),
    "fine_history_frames": (0, 512),
    "coarse_history_tokens": (60, 630),
    "coarse_ramp_steps": (1, 768),
    "seed": (0, MAX_SEED),
}
MAX_DURATION_S = 60.0


def _check(name: str, *values: float) -> None:
    """Raise OptionError unless there are values and all are within the option's range."""
    low, high = _RANGES[name]
    # NaN compares false with everything and so is out of range.
    if not values or not all(low <= value <= high for value in values):
        shown = ", ".join(map(str, values)) or "nothing"
        raise OptionError(f"{name} must be between {low} and {high}, got {shown}", field=name)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """One stage's sampling, with Suno's semantics.

    Attributes:
        temperature: Divides the logits after the filters. 0 means the largest logit wins (greedy).
        top_k: Keep the k largest logits (ties kept). None keeps all.
        top_p: Keep the smallest set whose probability (before temperature) exceeds p, the crossing
            token included. None keeps all.
    """

    temperature: float = 0.7
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        """Check ranges; raises OptionError."""
        _check("temperature", self.temperature)
        if self.top_k is not None and self.top_k < 1:
            raise OptionError(f"top_k must be at least 1, got {self.top_k}", field="top_k")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise OptionError(f"top_p must be in (0, 1], got {self.top_p}", field="top_p")


@dataclass(frozen=True, slots=True)
class ExactWindows:
    """Tokens equal the offline reference; the fine stage waits for what the reference reads.

    Attributes:
        codec_chunk_frames: Final frames are decoded in pieces of at most this many frames.
    """

    codec_chunk_frames: int = 75

    def __post_init__(self) -> None:
        """Check ranges; raises OptionError."""
        _check("codec_chunk_frames", self.codec_chunk_frames)


@dataclass(frozen=True, slots=True)
class LowLatencyWindows:
    """Documented approximations that let audio flow early.

    All boundaries are functions of frame and token *index*, never of time, so streaming equals
    offline under the same options. What does not fit into a checkpoint's contexts is cut down to
    them, the coarse history first (to half of the checkpoint's own), so one policy serves models of
    every size.

    Attributes:
        lookahead_semantic_tokens: Semantic tokens beyond a coarse window's end that must exist
            before it starts (the reference reads about 27; fewer start sooner).
        ramp_frames: Lengths of the first chunks in frames; the last entry repeats for ever.
        fine_lookahead_frames: Coarse frames beyond a chunk that its fine pass may see.
        fine_history_frames: Committed frames (voice included) that a fine pass sees.
        coarse_history_tokens: Flattened coarse tokens (voice included) that a coarse window sees;
            fewer make its prefill and every step cheaper. None: the checkpoint's own (630).
        coarse_ramp_steps: Lengths of the coarse windows in steps; the last entry repeats for ever.
            Each window is prefilled once: long ones save prefills but wait for more semantic
            tokens. None: the checkpoint's own (60).
    """

    lookahead_semantic_tokens: int = 12
    ramp_frames: tuple[int, ...] = (20, 30, 44, 60)
    fine_lookahead_frames: int = 6
    fine_history_frames: int = 24
    coarse_history_tokens: int | None = 300
    coarse_ramp_steps: tuple[int, ...] | None = (52, 60, 120, 240, 390)

    def __post_init__(self) -> None:
        """Check ranges; raises OptionError."""
        _check("lookahead_semantic_tokens", self.lookahead_semantic_tokens)
        _check("ramp_frames", *self.ramp_frames)
        _check("fine_lookahead_frames", self.fine_lookahead_frames)
        _check("fine_history_frames", self.fine_history_frames)
        if self.coarse_history_tokens is not None:
            _check("coarse_history_tokens", self.coarse_history_tokens)
        if self.coarse_ramp_steps is not None:
            _check("coarse_ramp_steps", *self.coarse_ramp_steps)


WindowPolicy = ExactWindows | LowLatencyWindows


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """Everything but text and voice that decides an utterance's tokens.

    Attributes:
        seed: 0 .. 2**63-1. The same seed, text, voice and options give the same tokens.
        min_eos_p: End the utterance as soon as the end token is at least this probable;
            None waits until it is drawn.
        allow_early_stop: False makes the semantic stage run to its limit.
        max_duration_s: Upper bound of the utterance's length; None means the model's own.
        forced_semantic_tokens: Make exactly this many semantic tokens, whatever the end token
            says (benchmarks); None is ordinary speech.
        windows: When each stage may run, and on what.
    """

    seed: int
    semantic: SamplingParams = field(default_factory=SamplingParams)
    coarse: SamplingParams = field(default_factory=SamplingParams)
    fine: SamplingParams = field(default_factory=lambda: SamplingParams(temperature=0.5))
    min_eos_p: float | None = 0.2
    allow_early_stop: bool = True
    max_duration_s: float | None = None
    forced_semantic_tokens: int | None = None
    windows: WindowPolicy = field(default_factory=LowLatencyWindows)

    def __post_init__(self) -> None:
        """Check ranges; raises OptionError."""
        _check("seed", self.seed)
        if self.min_eos_p is not None and not 0 < self.min_eos_p <= 1:
            raise OptionError("min_eos_p must be in (0, 1]", field="min_eos_p")
        if self.max_duration_s is not None and not 0 < self.max_duration_s <= MAX_DURATION_S:
            raise OptionError(
                "max_duration_s must be above 0 and at most 60 s", field="max_duration_s"
            )
        if self.fine.top_k is not None or self.fine.top_p is not None:
            raise OptionError(
                "the fine stage knows no top_k or top_p: set its temperature only", field="fine"
            )
