"""A checkpoint that has been found and understood, but not loaded: cheap, frozen, picklable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bark_core.checkpoints import noise
from bark_core.config import BarkConfig
from bark_core.errors import CheckpointError
from bark_core.options import SamplingParams
from bark_core.text.base import Tokenizer
from bark_core.text.lexicon import LEXICON_FILE, Lexicon, PronouncingTokenizer
from bark_core.text.tokenizer import HashTokenizer, WordPieceTokenizer
from bark_core.voices import VoiceStore
from bark_core.voices.directories import find_npz_voices, find_voices

StageName = Literal["semantic", "coarse", "fine", "codec"]
STAGES: tuple[StageName, ...] = ("semantic", "coarse", "fine", "codec")


@dataclass(frozen=True, slots=True)
class SynthesisDefaults:
    """How a checkpoint wants to be sampled when the caller does not say.

    Attributes:
        min_eos_p: End as soon as the end token is at least this probable; None waits for it.
        max_utterance_tokens: Where text is cut into utterances: about 13 s of speech, counted by
            the checkpoint's own tokenizer (its pieces may be shorter than those of Bark's).
    """

    semantic: SamplingParams = field(default_factory=SamplingParams)
    coarse: SamplingParams = field(default_factory=SamplingParams)
    fine: SamplingParams = field(default_factory=lambda: SamplingParams(temperature=0.5))
    min_eos_p: float | None = 0.2
    max_utterance_tokens: int = 37


@dataclass(frozen=True, slots=True)
class NoiseWeights:
    """Random weights, made when they are asked for."""

    seed: int = noise.SEED


@dataclass(frozen=True, slots=True)
class HuggingFaceWeights:
    """Tensors of all stages under prefixes.

    Attributes:
        files: ``model.safetensors`` or ``pytorch_model.bin``, or all their shards.
    """

    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class SunoWeights:
    """Suno's own file for each transformer, and EnCodec's for the codec."""

    semantic: Path
    coarse: Path
    fine: Path
    codec: Path


WeightSource = NoiseWeights | HuggingFaceWeights | SunoWeights


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint declares and where its parts lie. A spawned process re-opens the files.

    Attributes:
        name: For people: the hub id, the directory's name, "noise".
        config: Sizes and token ids.
        defaults: Sampling when the caller does not say.
        default_voice: Voice when the caller names none; None: the checkpoint has no voices.
        weights: Where ``bark_core.weights.load_stage`` reads.
        tokenizer_file: ``tokenizer.json`` or ``vocab.txt``; None only for noise.
        voice_root: Directory with the checkpoint's own voices, or None.
        notice: A sentence that the user should read (such as: this is noise), or "".
    """

    name: str
    config: BarkConfig
    defaults: SynthesisDefaults
    default_voice: str | None
    weights: WeightSource
    tokenizer_file: Path | None
    voice_root: Path | None
    notice: str = ""

    @property
    def is_noise(self) -> bool:
        """True for the random model, which speaks nothing that can be understood."""
        return isinstance(self.weights, NoiseWeights)

    def tokenizer(self) -> Tokenizer:
        """Load the tokenizer, behind the lexicon that lies beside it if there is one.

        Raises:
            CheckpointError: A file of them is damaged, or the tokenizer's ids do not fit between
                the text offset and the special ids of the semantic stage.
        """
        if self.tokenizer_file is None:
            return HashTokenizer(noise.TEXT_VOCAB_SIZE)
        tokenizer = WordPieceTokenizer.from_file(self.tokenizer_file)
        semantic = self.config.semantic
        room = min(semantic.text_pad_token, semantic.infer_token) - semantic.text_offset
        if tokenizer.vocab_size > room:
            raise CheckpointError(
                f"{self.tokenizer_file} has {tokenizer.vocab_size} pieces but the semantic stage "
                f"has room for {room}: this is not the tokenizer of the checkpoint {self.name}"
            )
        lexicon = self.tokenizer_file.with_name(LEXICON_FILE)
        if lexicon.is_file():
            return PronouncingTokenizer(Lexicon.from_file(lexicon), tokenizer)
        return tokenizer

    def voices(self, extra_directories: Sequence[Path] = ()) -> VoiceStore:
        """Index the voices.

        Args:
            extra_directories: Directories of ``.npz`` voices; a name in a later one wins.

        Raises:
            CheckpointError: The checkpoint's index of voices is damaged.
            ConfigError: An extra directory does not exist.
        """
        sources = noise.voices() if self.is_noise else {}
        if self.voice_root is not None:
            sources.update(find_voices(self.voice_root))
        for directory in extra_directories:
            sources.update(find_npz_voices(directory))
        return VoiceStore(self.config, sources, default=self.default_voice)
