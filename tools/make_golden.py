"""Make the golden tiny checkpoint again: ``python tools/make_golden.py [directory]``.

It is a Bark of random weights with small numbers in all places, committed under
``tests/golden/tiny`` so that tests can pin what the model computes. Making it again changes it only
where the generator of random weights or the format changed on purpose; pinned outputs must then be
made again as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bark_core.checkpoints import STAGES, SynthesisDefaults
from bark_core.config import (
    BarkConfig,
    CoarseTokens,
    CodecConfig,
    FineTokens,
    SemanticTokens,
    TransformerConfig,
)
from bark_core.voices import Voice
from bark_core.weights.export import write_checkpoint
from bark_core.weights.noise import random_stage

DIRECTORY = Path(__file__).parents[1] / "tests" / "golden" / "tiny"
SEED = 1
CODEBOOK_SIZE = 32
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *".,!",
)


def golden_config() -> BarkConfig:
    """Windows an eighth of the published ones; ids left unused where the published model does."""
    semantic_vocab_size, text_offset = 100, 104
    text_end = text_offset + len(VOCABULARY)
    coarse_end = semantic_vocab_size + 2 * CODEBOOK_SIZE

    def model(block_size: int, input_vocab_size: int, output_vocab_size: int) -> TransformerConfig:
        return TransformerConfig(
            n_layer=2,
            n_head=2,
            n_embd=16,
            block_size=block_size,
            input_vocab_size=input_vocab_size,
            output_vocab_size=output_vocab_size,
        )

    return BarkConfig(
        name="tiny",
        semantic_model=model(256, text_end + 5, text_offset),
        coarse_model=model(256, coarse_end + 4, coarse_end + 4),
        fine_model=model(128, CODEBOOK_SIZE + 8, CODEBOOK_SIZE + 8),
        codec=CodecConfig(n_filters=2, hidden_size=8, n_lstm_layers=1, codebook_size=CODEBOOK_SIZE),
        semantic=SemanticTokens(
            vocab_size=semantic_vocab_size,
            pad_token=semantic_vocab_size,
            text_offset=text_offset,
            text_pad_token=text_end,
            infer_token=text_end + 4,
            max_text_tokens=32,
            max_new_tokens=200,
        ),
        coarse=CoarseTokens(
            codebook_size=CODEBOOK_SIZE,
            semantic_pad_token=coarse_end,
            infer_token=coarse_end + 2,
            max_semantic_tokens=64,
            max_history_tokens=120,
            window_steps=20,
        ),
        fine=FineTokens(codebook_size=CODEBOOK_SIZE, max_history_frames=64, window_frames=128),
    )


def golden_voices(config: BarkConfig) -> dict[str, Voice]:
    """A voice that fills every history and one that does not."""
    numbers = np.random.Generator(np.random.Philox(key=SEED))
    voices = {}
    for name, n_tokens in (("v2/en_speaker_6", 80), ("v2/en_speaker_7", 25)):
        n_frames = round(n_tokens * config.coarse.rate_hz / config.semantic.rate_hz)
        fine = numbers.integers(0, CODEBOOK_SIZE, (config.fine.n_codebooks, n_frames))
        voices[name] = Voice(
            semantic=numbers.integers(0, config.semantic.vocab_size, n_tokens),
            coarse=fine[: config.coarse.n_codebooks],
            fine=fine,
        )
    return voices


def make(directory: Path) -> None:
    """Write the checkpoint."""
    config = golden_config()
    stages = {stage: random_stage(config, stage, SEED) for stage in STAGES}
    write_checkpoint(directory, config, SynthesisDefaults(), stages, golden_voices(config))
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY)
