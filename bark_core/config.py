"""What a Bark checkpoint is: sizes of its networks and meaning of its token ids.

Every constant of the published models is a *default* here and a *field*: a checkpoint declares its
own (Hugging Face ``config.json`` and ``generation_config.json``), and the same code runs it.

Source of the defaults: suno-ai/bark ``bark/generation.py`` and ``bark/model.py`` (MIT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bark_core.errors import CheckpointError


def exact_div(numerator: int, denominator: int) -> int:
    """Divide integers that must divide without a rest.

    Raises:
        CheckpointError: They do not.
    """
    if denominator <= 0 or numerator % denominator:
        raise CheckpointError(f"{numerator} is not a multiple of {denominator} in the config")
    return numerator // denominator


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """Size of one transformer. Heads are ``n_embd / n_head`` wide; the MLP is 4 times as wide."""

    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    block_size: int = 1024  # positions
    input_vocab_size: int = 10_048
    output_vocab_size: int = 10_048

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return exact_div(self.n_embd, self.n_head)


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """EnCodec's decoder (Défossez et al. 2022, arXiv:2210.13438), causal variant."""

    sample_rate_hz: int = 24_000
    upsampling_ratios: tuple[int, ...] = (8, 5, 4, 2)
    n_filters: int = 32
    hidden_size: int = 128  # width of a quantised frame
    n_lstm_layers: int = 2
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    n_residual_layers: int = 1
    dilation_growth_rate: int = 2
    compress: int = 2
    codebook_size: int = 1024

    @property
    def hop_samples(self) -> int:
        """Samples per frame (320 in the published codec)."""
        return math.prod(self.upsampling_ratios)

    @property
    def frame_rate_hz(self) -> int:
        """Frames per second (75 in the published codec)."""
        return exact_div(self.sample_rate_hz, self.hop_samples)


@dataclass(frozen=True, slots=True)
class SemanticTokens:
    """Token ids and limits of the text -> semantic stage."""

    rate_hz: float = 49.9
    vocab_size: int = 10_000  # ids 0 .. vocab_size-1
    pad_token: int = 10_000  # pads the history; as an output it means end of speech
    text_offset: int = 10_048  # added to WordPiece ids
    text_pad_token: int = 129_595
    infer_token: int = 129_599
    max_text_tokens: int = 256  # also the length of the history part: both are summed
    max_new_tokens: int = 768


@dataclass(frozen=True, slots=True)
class CoarseTokens:
    """Token ids and windows of the semantic -> coarse stage.

    Coarse ids follow the semantic ones: codebook k, code c has the id
    ``semantic.vocab_size + k * codebook_size + c``.
    """

    rate_hz: int = 75  # frames per second
    n_codebooks: int = 2
    codebook_size: int = 1024
    semantic_pad_token: int = 12_048
    infer_token: int = 12_050
    max_semantic_tokens: int = 256  # semantic slice in the context
    max_history_tokens: int = 630  # flattened coarse tokens in the context (60..630)
    window_steps: int = 60  # tokens made before the context moves


@dataclass(frozen=True, slots=True)
class FineTokens:
    """Windows of the coarse -> fine stage."""

    n_codebooks: int = 8
    codebook_size: int = 1024
    max_history_frames: int = 512
    window_frames: int = 1024

    @property
    def pad_token(self) -> int:
        """Id of a code that is not there yet."""
        return self.codebook_size

    @property
    def stride_frames(self) -> int:
        """Frames that the reference's window moves."""
        return exact_div(self.window_frames, 2)


@dataclass(frozen=True, slots=True)
class BarkConfig:
    """Everything that a checkpoint declares."""

    name: str
    semantic_model: TransformerConfig
    coarse_model: TransformerConfig
    fine_model: TransformerConfig
    codec: CodecConfig
    semantic: SemanticTokens
    coarse: CoarseTokens
    fine: FineTokens

    @property
    def sample_rate_hz(self) -> int:
        """Native sample rate of the audio."""
        return self.codec.sample_rate_hz

    @property
    def hop_samples(self) -> int:
        """Samples per frame."""
        return self.codec.hop_samples

    @property
    def coarse_per_semantic(self) -> float:
        """Flattened coarse tokens per semantic token (3.006012024048096 in the published model).

        Evaluated in float64 from left to right, as the reference does.
        """
        return self.coarse.rate_hz / self.semantic.rate_hz * self.coarse.n_codebooks

    def __post_init__(self) -> None:
        """Check what must fit together; raises CheckpointError naming the fields."""
        if self.coarse.rate_hz != self.codec.frame_rate_hz:
            raise CheckpointError(
                f"coarse rate {self.coarse.rate_hz} Hz differs from the codec's frame rate "
                f"{self.codec.frame_rate_hz} Hz; config.json and generation_config.json disagree"
            )
        if self.fine.max_history_frames != self.fine.stride_frames:
            # The reference's windows move by the one and are filled from the other.
            raise CheckpointError(
                f"max_fine_history_length {self.fine.max_history_frames} is not half of "
                f"max_fine_input_length {self.fine.window_frames}"
            )
        positions = {
            "semantic": self.semantic.max_text_tokens + 1 + self.semantic.max_new_tokens - 1,
            "coarse": self.coarse.max_semantic_tokens
            + 1
            + self.coarse.max_history_tokens
            + self.coarse.window_steps
            - 1,
            "fine": self.fine.window_frames,
        }
        for stage, model in (
            ("semantic", self.semantic_model),
            ("coarse", self.coarse_model),
            ("fine", self.fine_model),
        ):
            if positions[stage] > model.block_size:
                raise CheckpointError(
                    f"the {stage} stage needs {positions[stage]} positions but the checkpoint's "
                    f"block_size is {model.block_size}"
                )


SMALL = TransformerConfig(n_layer=12, n_head=12, n_embd=768)
LARGE = TransformerConfig(n_layer=24, n_head=16, n_embd=1024)


def published(name: str, size: TransformerConfig) -> BarkConfig:
    """The configuration of ``suno/bark`` (LARGE) and ``suno/bark-small`` (SMALL)."""

    def model(input_vocab_size: int, output_vocab_size: int) -> TransformerConfig:
        return TransformerConfig(
            n_layer=size.n_layer,
            n_head=size.n_head,
            n_embd=size.n_embd,
            input_vocab_size=input_vocab_size,
            output_vocab_size=output_vocab_size,
        )

    return BarkConfig(
        name=name,
        semantic_model=model(129_600, 10_048),
        coarse_model=model(12_096, 12_096),
        fine_model=model(1_056, 1_056),
        codec=CodecConfig(),
        semantic=SemanticTokens(),
        coarse=CoarseTokens(),
        fine=FineTokens(),
    )
