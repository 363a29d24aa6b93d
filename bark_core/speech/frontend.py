"""Text and wishes to requests: what a checkpoint says about speaking, without its weights."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Protocol

from bark_core.config import BarkConfig
from bark_core.engine.request import Pacing, UtteranceRequest
from bark_core.errors import OptionError
from bark_core.options import SamplingParams, SynthesisOptions
from bark_core.speech.settings import Continuity, NamedVoice, SpeechSettings
from bark_core.speech.timeline import TYPICAL_CHARACTERS_PER_S
from bark_core.text.base import SegmentationMode, SegmentLimits, TextSegment, Tokenizer
from bark_core.text.segmenter import Segmenter
from bark_core.voices import Voice, VoiceStore

DEFAULT_VOICE = ""
NO_VOICE = NamedVoice(name="none", prompt=None)
_VOICE_LANGUAGE = re.compile(r"^(?:v2/)?([a-z]{2})_speaker_\d+$")
_SEED_BITS = 32  # short enough to be typed again


class SamplingDefaults(Protocol):
    """How a checkpoint wants to be sampled when the caller does not say."""

    @property
    def semantic(self) -> SamplingParams:
        """Of the text to semantic stage."""
        ...

    @property
    def coarse(self) -> SamplingParams:
        """Of the semantic to coarse stage."""
        ...

    @property
    def fine(self) -> SamplingParams:
        """Of the coarse to fine stage."""
        ...

    @property
    def min_eos_p(self) -> float | None:
        """When an utterance ends."""
        ...

    @property
    def max_utterance_tokens(self) -> int:
        """Longest utterance."""
        ...


class SpeakingCheckpoint(Protocol):
    """What speaking needs to know of a checkpoint (``bark_core.checkpoints.Checkpoint``)."""

    @property
    def name(self) -> str:
        """For people and receipts."""
        ...

    @property
    def config(self) -> BarkConfig:
        """Sizes and token ids."""
        ...

    @property
    def is_noise(self) -> bool:
        """True for random weights."""
        ...

    @property
    def defaults(self) -> SamplingDefaults:
        """Sampling when the caller does not say."""
        ...

    @property
    def default_voice(self) -> str | None:
        """Voice when the caller names none; None: the model invents one."""
        ...

    def tokenizer(self) -> Tokenizer:
        """Load the tokenizer."""
        ...

    def voices(self) -> VoiceStore:
        """Index the voices."""
        ...


class SpeechFrontend:
    """Makes settings, segmenters and requests for one checkpoint. Immutable, thread-safe.

    Args:
        checkpoint: What is spoken with.
        voices: Voices to offer instead of the checkpoint's own.

    Raises:
        CheckpointError: The tokenizer cannot be loaded.
    """

    def __init__(self, checkpoint: SpeakingCheckpoint, voices: VoiceStore | None = None) -> None:
        self._checkpoint = checkpoint
        self._tokenizer = checkpoint.tokenizer()
        self._voices = checkpoint.voices() if voices is None else voices

    @property
    def name(self) -> str:
        """Name of the checkpoint."""
        return self._checkpoint.name

    @property
    def config(self) -> BarkConfig:
        """Sizes and rates of the model."""
        return self._checkpoint.config

    @property
    def is_noise(self) -> bool:
        """True for random weights: nothing that it says can be understood."""
        return self._checkpoint.is_noise

    @property
    def voices(self) -> VoiceStore:
        """The voices on offer."""
        return self._voices

    @property
    def defaults(self) -> SynthesisOptions:
        """Options where the caller says nothing."""
        defaults = self._checkpoint.defaults
        return SynthesisOptions(
            seed=0,
            semantic=defaults.semantic,
            coarse=defaults.coarse,
            fine=defaults.fine,
            min_eos_p=defaults.min_eos_p,
        )

    @property
    def default_voice(self) -> str:
        """Name of the voice used when none is named; "none": the model invents a speaker."""
        return self._checkpoint.default_voice or NO_VOICE.name

    def voice(self, name: str = DEFAULT_VOICE) -> NamedVoice:
        """Find a voice. "" is the default voice, "none" lets the model invent a speaker.

        Raises:
            UnknownVoiceError: No voice has that name.
            CheckpointError: Its files are damaged.
        """
        wanted = name or self.default_voice
        if wanted == NO_VOICE.name:
            return NO_VOICE
        full_name = self._voices.resolve(wanted)
        return NamedVoice(name=full_name, prompt=self._voices.get(full_name))

    def limits(
        self, mode: SegmentationMode = SegmentationMode.WHOLE, *, max_tokens: int | None = None
    ) -> SegmentLimits:
        """How long utterances of this checkpoint are.

        Args:
            mode: What the segmenter may wait for.
            max_tokens: Longest utterance; None: the checkpoint's own default.
        """
        usual = SegmentLimits()
        default = self._checkpoint.defaults.max_utterance_tokens
        pieces = default / usual.max_tokens  # of this tokenizer for one of Bark's
        most = min(default, self.config.semantic.max_text_tokens)
        return SegmentLimits(
            max_tokens=most if max_tokens is None else max_tokens,
            min_tokens=round(usual.min_tokens * pieces),
            first_clause_tokens=max(round(usual.first_clause_tokens * pieces), 1),
            mode=mode,
        )

    def settings(
        self,
        *,
        voice: str | NamedVoice = DEFAULT_VOICE,
        seed: int | None = None,
        options: SynthesisOptions | None = None,
        continuity: Continuity = Continuity.PROMPT,
        segmentation: SegmentLimits | None = None,
        pause_s: float = 0.15,
        pacing: Pacing | None = None,
        deadline_s: float | None = None,
        max_text_characters: int = 20_000,
        utterances_ahead: int = 2,
        keep_tokens: bool = False,
    ) -> SpeechSettings:
        """Settings with every default filled in. See ``SpeechSettings`` for the meanings.

        Raises:
            UnknownVoiceError: No voice has that name.
            CheckpointError: The voice's files are damaged.
            OptionError: A value is out of range.
        """
        named = self.voice(voice) if isinstance(voice, str) else voice
        limits = self.limits() if segmentation is None else segmentation
        most = self.config.semantic.max_text_tokens
        if limits.max_tokens > most:
            raise OptionError(
                f"an utterance of {self.name} has at most {most} tokens, got {limits.max_tokens}",
                field="max_utterance_tokens",
            )
        language = _VOICE_LANGUAGE.match(named.name)
        return SpeechSettings(
            voice=named,
            options=self.defaults if options is None else options,
            seed=seed,
            continuity=continuity,
            segmentation=limits,
            language=language.group(1) if language else "en",
            pause_s=pause_s,
            pacing=Pacing() if pacing is None else pacing,
            deadline_s=deadline_s,
            max_text_characters=max_text_characters,
            utterances_ahead=utterances_ahead,
            keep_tokens=keep_tokens,
        )

    def count_tokens(self, text: str) -> int:
        """Tokens of a normalised text."""
        return len(self._tokenizer.encode(text))

    def segmenter(self, settings: SpeechSettings) -> Segmenter:
        """A fresh segmenter."""
        return Segmenter(
            self.count_tokens,
            settings.segmentation,
            language=settings.language,
            max_characters=settings.max_text_characters,
        )

    def draw_seed(self) -> int:
        """A seed for a text whose caller gave none."""
        return secrets.randbits(_SEED_BITS)

    def request(
        self,
        segment: TextSegment,
        settings: SpeechSettings,
        *,
        stream_id: str,
        seed: int,
        voice: Voice | None,
        following_characters: int = 0,
    ) -> UtteranceRequest:
        """The engine's request for one utterance.

        Args:
            segment: What to say.
            settings: How to say it.
            stream_id: Unique among the live ones of the engine.
            seed: The text's seed.
            voice: What the utterance continues from.
            following_characters: Length of the text after it, as far as it is known.
        """
        carries_on = settings.continuity is Continuity.CARRY_ON
        return UtteranceRequest(
            utterance_id=f"{stream_id}/{segment.index}",
            stream_id=stream_id,
            index=segment.index,
            text_ids=self._tokenizer.encode(segment.spoken_text),
            voice=voice,
            options=replace(settings.options, seed=seed),
            pacing=settings.pacing,
            deadline_s=settings.deadline_s,
            keep_tokens=settings.keep_tokens or carries_on,
            typical_s=len(segment.spoken_text) / TYPICAL_CHARACTERS_PER_S,
            following_s=following_characters / TYPICAL_CHARACTERS_PER_S,
        )
