"""The four stages of an utterance, joined."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from bark_core.backends.base import CoarseDraw, FloatArray, SemanticDraw
from bark_core.config import BarkConfig
from bark_core.engine.pipeline.coarse import CoarseStage, code_of
from bark_core.engine.pipeline.codec import CodecStage
from bark_core.engine.pipeline.fine import FineStage
from bark_core.engine.pipeline.forecast import Standing
from bark_core.engine.pipeline.semantic import SemanticStage
from bark_core.engine.request import UtteranceRequest
from bark_core.engine.work import Answer, Row, Work
from bark_core.voices import Voice
from bark_core.windows import Known, coarse_steps, plan_windows


@dataclass(frozen=True, slots=True)
class PipelineProgress:
    """Counts. ``total_frames`` None: not known yet."""

    semantic_tokens: int
    semantic_done: bool
    coarse_frames: int
    fine_frames: int
    total_frames: int | None
    samples: int


class Pipeline:
    """What an utterance could run next, and what came back.

    ``ready`` names the kinds of work that are possible, ``row`` makes the row of one of them for
    the given slot, ``accept`` takes its answer. Stages do not wait for each other beyond what their
    windows read.

    Args:
        config: The checkpoint's.
        request: What to say, and how.
        voice: History prompt (already resolved: the request's own, or what is carried on).

    Attributes:
        semantic: The first stage.
        plans: The windows of the other stages.
        has_audio: There were samples.
    """

    def __init__(self, config: BarkConfig, request: UtteranceRequest, voice: Voice | None) -> None:
        self._config = config
        self._request = request
        plans = plan_windows(
            config,
            request.options.windows,
            semantic_tokens=0 if voice is None else voice.semantic.size,
            coarse_frames=0 if voice is None else voice.coarse.shape[1],
            fine_frames=0 if voice is None else voice.fine.shape[1],
        )
        self.semantic = SemanticStage(config, request, voice)
        longest = max(config.semantic.max_new_tokens, len(self.semantic.tokens))
        self._coarse = CoarseStage(config, request, voice, plans.coarse)
        self._fine = FineStage(config, request, voice, plans.fine, self._frames(longest))
        self._codec = CodecStage(config, plans.codec, self._fine)
        self.plans = plans
        self.has_audio = False
        # Until the next answer, because they are asked for again and again:
        self._ready: tuple[Work, ...] | None = None
        self._until_audio: Counter[Work] | None = None

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        if self._request.semantic_only:
            return self.semantic.ended
        return self._codec.done or self._total_frames() == 0

    @property
    def pieces_done(self) -> int:
        """Pieces of audio that have been made."""
        return self._codec.chunks_done

    @property
    def coarse_codebook(self) -> int:
        """Codebook of the coarse token that comes next."""
        return len(self._coarse.ids) % self._config.coarse.n_codebooks

    def ready(self) -> tuple[Work, ...]:
        """Kinds of work that could run now, most urgent first.

        Until the first audio, whatever is nearest to the loudspeaker: everything before it only
        exists to unlock it. Later the semantic stage is kept a window ahead of the coarse one, so
        that coarse steps are always there to join other utterances' batches.
        """
        if self._ready is None:
            self._ready = self._find_ready()
        return self._ready

    def until_audio(self) -> Counter[Work]:
        """Batches it needs, at least, until its next samples. Not to be changed."""
        if self._until_audio is None:
            self._until_audio = self._find_until_audio()
        return self._until_audio

    def _find_until_audio(self) -> Counter[Work]:
        known, needed = self._known(), Counter({Work.CODEC: 1})
        frames = self._fine.frames_needed(known)
        if self._request.semantic_only or frames is None or self._codec.ready(known):
            return needed
        needed[Work.FINE] = 1
        steps = frames * self._config.coarse.n_codebooks
        tokens, ended = self.semantic.tokens, self.semantic.ended
        return needed + self._coarse.until(steps, tokens, ended=ended)

    def row(self, work: Work, slot: int) -> Row:
        """The row of one kind of work that ``ready`` named."""
        match work:
            case Work.SEMANTIC_PREFILL:
                return self.semantic.prefill_row(slot)
            case Work.SEMANTIC_STEP:
                return self.semantic.step_row(slot)
            case Work.COARSE_PREFILL:
                return self._coarse.prefill_row(slot, self.semantic.tokens)
            case Work.COARSE_STEP:
                return self._coarse.step_row(slot)
            case Work.FINE:
                return self._fine.row(self._known())
            case Work.CODEC:
                return self._codec.row(slot, self._known())
            case _:
                assert_never(work)

    def steps_ahead(self, work: Work) -> int:
        """Steps of one kind that it could make in a row before something else is more urgent.

        Of semantic ones at most: the end of a text comes when it likes.
        """
        if work is Work.SEMANTIC_STEP:
            left = self.semantic.steps_left
        else:
            left = self._coarse.steps_left(self.semantic.tokens, ended=self.semantic.ended)
        needed = self.until_audio()[work]
        return min(left, needed) if needed else left

    def later_draws(self, work: Work, steps: int) -> list[SemanticDraw | CoarseDraw]:
        """The draws of so many steps but the first."""
        stage = self.semantic if work is Work.SEMANTIC_STEP else self._coarse
        return [stage.draw(later) for later in range(1, steps)]

    def accept(self, work: Work, answer: Answer) -> FloatArray | None:
        """Take the answer to a row. -> samples, if the work was the codec's.

        Raises:
            EngineFailureError: The answer cannot be right; the utterance is lost.
        """
        self._ready = self._until_audio = None
        match work:
            case Work.SEMANTIC_PREFILL | Work.SEMANTIC_STEP:
                assert answer is None or isinstance(answer, int)
                self.semantic.accept(answer)
            case Work.COARSE_PREFILL | Work.COARSE_STEP:
                assert isinstance(answer, int)
                self._accept_coarse(answer)
            case Work.FINE:
                assert isinstance(answer, np.ndarray)
                self._fine.accept(answer.astype(np.int64, copy=False), self._known())
            case Work.CODEC:
                assert isinstance(answer, np.ndarray)
                pcm: FloatArray = answer.astype(np.float32, copy=False)
                self._codec.accept(pcm, self._known())
                self.has_audio = self.has_audio or pcm.size > 0
                return pcm
            case _:
                assert_never(work)
        return None

    def progress(self) -> PipelineProgress:
        """Where it stands."""
        known = self._known()
        return PipelineProgress(
            semantic_tokens=len(self.semantic.tokens),
            semantic_done=self.semantic.ended,
            coarse_frames=known.frames,
            fine_frames=self._fine.final_frames(known),
            total_frames=0 if self._request.semantic_only else known.total,
            samples=self._codec.samples,
        )

    def tokens_made(self) -> dict[str, int]:
        """Tokens that each stage has made; of the codec: frames decoded."""
        made, n_coarse = self.progress(), self._config.coarse.n_codebooks
        return {
            "semantic": made.semantic_tokens,
            "coarse": made.coarse_frames * n_coarse,
            "fine": made.fine_frames * (self._config.fine.n_codebooks - n_coarse),
            "codec": made.samples // self._config.hop_samples,
        }

    def standing(self) -> Standing:
        """Where it stands, as a forecast wants it."""
        return Standing(
            semantic_tokens=len(self.semantic.tokens),
            semantic_done=self.semantic.ended,
            coarse_steps=len(self._coarse.ids),
            fine_windows=self._fine.windows_done,
            codec_chunks=self._codec.chunks_done,
        )

    def tokens(self) -> Voice:
        """The finished utterance as a history prompt (coarse and fine empty if semantic only)."""
        frames = 0 if self._request.semantic_only else (self._total_frames() or 0)
        codes = self._fine.frames(0, frames)
        semantic = np.asarray(self.semantic.tokens, np.int64)
        return Voice(semantic, codes[: self._config.coarse.n_codebooks].copy(), codes)

    def _find_ready(self) -> tuple[Work, ...]:
        ended = self.semantic.ended
        semantic = self.semantic.ready()
        if self._request.semantic_only:
            return () if semantic is None else (semantic,)
        known = self._known()
        coarse = self._coarse.ready(self.semantic.tokens, ended=ended)
        order = (self._codec.ready(known), self._fine.ready(known), coarse, semantic)
        if self.has_audio and self._coarse.starved(self.semantic.tokens, ended=ended):
            order = (*order[:2], semantic, coarse)
        return tuple(work for work in order if work is not None)

    def _accept_coarse(self, token: int) -> None:
        frame, codebook = divmod(len(self._coarse.ids), self._config.coarse.n_codebooks)
        self._fine.put_coarse(frame, codebook, code_of(self._config, token, codebook))
        self._coarse.accept(token)

    def _frames(self, semantic_tokens: int) -> int:
        return coarse_steps(self._config, semantic_tokens) // self._config.coarse.n_codebooks

    def _total_frames(self) -> int | None:
        return self._frames(len(self.semantic.tokens)) if self.semantic.ended else None

    def _known(self) -> Known:
        at_least = self._frames(len(self.semantic.tokens))
        return Known(
            frames=len(self._coarse.ids) // self._config.coarse.n_codebooks,
            at_least=at_least,
            total=at_least if self.semantic.ended else None,
        )
