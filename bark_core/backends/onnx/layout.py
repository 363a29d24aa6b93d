"""What lies in a directory of converted graphs, and what the graphs' inputs and outputs are called.

The agreement between conversion (``convert``) and running (everything else here).

Letters: B rows, T positions, D width, V vocabulary, C channels, H heads, S positions of a cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from bark_core.checkpoints import StageName
from bark_core.config import BarkConfig, CodecConfig

# Part of every cache key: raise it whenever a graph or a file changes.
BUILDER_VERSION = 6

# A graph's big tensors lie beside it in a file with this after its name.
DATA_SUFFIX = ".data"

FINE = "fine.onnx"
CODEC = "codec.onnx"
CODEBOOKS = "codebooks.npy"  # [K, codebook_size, C]


def prefill_file(stage: StageName) -> str:
    """The graph that runs a whole context of "semantic" or "coarse"."""
    return f"{stage}_prefill.onnx"


def step_file(stage: StageName) -> str:
    """The graph that runs one position of several utterances of "semantic" or "coarse"."""
    return f"{stage}_step.onnx"


def embedding_file(stage: StageName) -> str:
    """Table [input vocabulary, D] read row by row; of "fine" [K, input vocabulary, D]."""
    return f"{stage}_embedding.npy"


def positions_file(stage: StageName) -> str:
    """Table [S, D] of the positions."""
    return f"{stage}_positions.npy"


# Causal graphs: X [B, T, D] -> LOGITS [B, V] of the last position; caches [B, H, S, D / H], float32
# or int8, are worked on in place. Where they are int8 a prefill has none but yields what is to be
# written to its row: [1, H, T, D / H].
X = "x"
LOGITS = "logits"
LENGTHS = "lengths"  # [B] int32: position of each row's last input
TOTAL = "total"  # [1] int32: 1 + the largest of LENGTHS

# The fine graph: X [1, T, D], FILL [1], HEAD [V, D] -> LOGITS [T - FILL, V]. The head is an input
# because it is another one for every codebook, and lies in the table of embeddings already.
FILL = "fill"
HEAD = "head"

# The codec: FRAMES [1, C, T] and states -> PCM [1, 1, N] and the new states.
FRAMES = "frames"
PCM = "pcm"
HIDDEN, CELL = "hidden", "cell"  # [layers, 1, C]
NEW = "new_"  # before the name of a state: what it has become


def cache_names(layer: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Input and output name of a layer's keys, and of its values."""
    return (
        (f"past_key_{layer}", f"present_key_{layer}"),
        (f"past_value_{layer}", f"present_value_{layer}"),
    )


@dataclass(frozen=True, slots=True)
class ConvShape:
    """A convolution of the codec's decoder with memory of its inputs.

    Attributes:
        name: Its tensors' prefix in the checkpoint.
        channels: Of its input.
        padding: Inputs it looks back.
        rate: Inputs for each frame.
        reflects: True: before the start lie its first inputs mirrored; False: zeros.
    """

    name: str
    channels: int
    padding: int
    rate: int
    reflects: bool

    @property
    def context(self) -> str:
        """Name of the state [1, channels, padding]: its last inputs."""
        return f"context_{self.name}"

    @property
    def order(self) -> str:
        """Name of the input [padding] that picks the context out of state and new inputs."""
        return f"order_{self.name}"


def codec_convolutions(config: CodecConfig) -> tuple[ConvShape, ...]:
    """All convolutions of the decoder that remember something, in order.

    Layer numbers: facebookresearch/encodec ``encodec/modules/seanet.py: SEANetDecoder``.
    """
    width = config.n_filters * 2 ** len(config.upsampling_ratios)
    shapes = [ConvShape("decoder.layers.0", config.hidden_size, config.kernel_size - 1, 1, True)]
    index, rate = 2, 1
    for ratio in config.upsampling_ratios:
        index += 1
        shapes.append(ConvShape(f"decoder.layers.{index}", width, 1, rate, reflects=False))
        width, rate = width // 2, rate * ratio
        for depth in range(config.n_residual_layers):
            index += 1
            padding = (config.residual_kernel_size - 1) * config.dilation_growth_rate**depth
            block = f"decoder.layers.{index}.block.1"
            shapes.append(ConvShape(block, width, padding, rate, reflects=True))
        index += 1
    last = config.last_kernel_size - 1
    shapes.append(ConvShape(f"decoder.layers.{index + 1}", width, last, rate, reflects=True))
    return tuple(shape for shape in shapes if shape.padding)


def codec_lookahead_frames(config: CodecConfig) -> int:
    """Frames that must be there before the first sample: every reflection must find its inputs."""
    return max(
        -(-(shape.padding + 1) // shape.rate)
        for shape in codec_convolutions(config)
        if shape.reflects
    )


def semantic_rows(config: BarkConfig) -> list[int]:
    """Rows of the semantic head that can be drawn: the vocabulary, then the end token."""
    return [*range(config.semantic.vocab_size), config.semantic.pad_token]


def coarse_rows(config: BarkConfig) -> range:
    """Rows of the coarse head that can be drawn: the codebooks one after another."""
    start = config.semantic.vocab_size
    return range(start, start + config.coarse.n_codebooks * config.coarse.codebook_size)
