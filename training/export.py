"""Step 10: write the voice as a checkpoint in the Hugging Face layout.

    python -m training.export --root DIR --to bark_core/embedded/barkstream-tiny [--storage int8]

What is written is an ordinary Bark: every constant that differs from the published models is
declared in its config files, and weight norm is written out, so that `transformers` opens it too
(unless stored as int8, which is this project's own convention).
"""

import argparse
import shutil
from pathlib import Path

import torch
from torch import Tensor

from bark_core.checkpoints import SynthesisDefaults
from bark_core.config import (
    BarkConfig,
    CoarseTokens,
    CodecConfig,
    FineTokens,
    SemanticTokens,
    TransformerConfig,
)
from bark_core.options import SamplingParams
from bark_core.text.lexicon import LEXICON_FILE
from bark_core.voices import Voice
from bark_core.weights import StateDict
from bark_core.weights.export import write_checkpoint
from training import speak
from training.codec.codebooks import LATENT
from training.codec.seanet import SeanetSizes
from training.models.causal import CausalSizes
from training.models.fine import VOCABULARY, FineSizes
from training.recipe import Recipe
from training.tokenised import prompt_of
from training.tokens.ids import token_ids
from training.tokens.text import TOKENIZER_FILE
from training.train_decoder import Renderer

# A piece is a sound: about 9 s of speech, as long as the longest training sentences.
_UTTERANCE_PIECES = 112
NAME = "barkstream-tiny"
# As in Bark: speaker 9 is a woman, speaker 6 a man.
VOICE_NAMES = ("v2/en_speaker_9", "v2/en_speaker_6")


def transformer(sizes: CausalSizes | FineSizes) -> TransformerConfig:
    """The config of a network."""
    if isinstance(sizes, FineSizes):
        inputs = outputs = VOCABULARY
    else:
        inputs, outputs = sizes.input_vocabulary, sizes.output_vocabulary
    return TransformerConfig(
        n_layer=sizes.layers,
        n_head=sizes.heads,
        n_embd=sizes.width,
        block_size=sizes.positions,
        input_vocab_size=inputs,
        output_vocab_size=outputs,
    )


def config(
    semantic: CausalSizes, coarse: CausalSizes, fine: FineSizes, codec: SeanetSizes
) -> BarkConfig:
    """Everything the checkpoint declares."""
    recipe = Recipe()
    ids = token_ids(recipe)
    return BarkConfig(
        name=NAME,
        semantic_model=transformer(semantic),
        coarse_model=transformer(coarse),
        fine_model=transformer(fine),
        codec=CodecConfig(
            sample_rate_hz=recipe.sample_rate,
            upsampling_ratios=codec.ratios,
            n_filters=codec.filters,
            hidden_size=LATENT,
            n_lstm_layers=codec.lstm_layers,
            kernel_size=codec.kernel,
            last_kernel_size=codec.kernel,
            residual_kernel_size=codec.residual_kernel,
            compress=codec.compress,
            codebook_size=recipe.codebook_size,
        ),
        semantic=SemanticTokens(
            rate_hz=recipe.semantic_rate_hz,
            vocab_size=ids.semantic_vocabulary,
            pad_token=ids.semantic_pad,
            text_offset=ids.text_offset,
            text_pad_token=ids.text_pad,
            infer_token=ids.semantic_infer,
            max_text_tokens=recipe.max_input_semantic,
            max_new_tokens=recipe.max_semantic_tokens,
        ),
        coarse=CoarseTokens(
            rate_hz=recipe.sample_rate // recipe.frame_samples,
            n_codebooks=recipe.coarse_codebooks,
            codebook_size=recipe.codebook_size,
            semantic_pad_token=ids.coarse_pad,
            infer_token=ids.coarse_infer,
            max_semantic_tokens=recipe.max_coarse_input,
            max_history_tokens=recipe.max_coarse_history,
            window_steps=recipe.sliding_window,
        ),
        fine=FineTokens(
            n_codebooks=recipe.codebooks,
            codebook_size=recipe.codebook_size,
            max_history_frames=recipe.max_fine_history,
            window_frames=recipe.max_fine_input,
        ),
    )


def defaults_of(recipe: Recipe) -> SynthesisDefaults:
    """How the voice speaks where nobody says otherwise."""
    return SynthesisDefaults(
        semantic=SamplingParams(temperature=recipe.semantic_temperature),
        coarse=SamplingParams(temperature=recipe.coarse_temperature),
        fine=SamplingParams(temperature=recipe.fine_temperature),
        max_utterance_tokens=_UTTERANCE_PIECES,
    )


def codec_tensors(renderer: Renderer) -> dict[str, Tensor]:
    """The decoder and its tables, convolutions in weight-norm form."""
    result: dict[str, Tensor] = {}
    for name, tensor in renderer.decoder.state_dict().items():
        if name.endswith("conv.weight"):
            stem = f"decoder.{name.removesuffix('weight')}parametrizations.weight"
            norm = tensor.flatten(1).norm(dim=1)
            result[f"{stem}.original0"] = norm.view(-1, *[1] * (tensor.ndim - 1))
            result[f"{stem}.original1"] = tensor
        else:
            result[f"decoder.{name}"] = tensor
    for book, table in enumerate(renderer.tables.detach()):
        result[f"quantizer.layers.{book}.codebook.embed"] = table
    return result


def _untied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the heads, which are the tables of the codebooks they predict."""
    return {name: t for name, t in tensors.items() if not name.startswith("lm_heads.")}


def _arrays(tensors: dict[str, Tensor]) -> StateDict:
    return {name: tensor.detach().float().numpy() for name, tensor in tensors.items()}


def main(arguments: list[str] | None = None) -> None:
    """Command line of this step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--storage", choices=("float32", "float16", "int8"), default="float16")
    options = parser.parse_args(arguments)
    speaker = speak.open_speaker(options.root)
    semantic, coarse, fine = speaker.semantic, speaker.coarse, speaker.fine
    renderer = speaker.renderer
    if semantic is None or coarse is None or fine is None or renderer is None:
        raise FileNotFoundError("a stage has no checkpoint yet: run `training.run` first")
    voices = {}
    for number, name in enumerate(VOICE_NAMES):
        row = prompt_of(options.root, number)
        codes = row.codes.astype("int64")
        voices[name] = Voice(row.semantic.astype("int64"), codes[:2], codes)
    write_checkpoint(
        options.to,
        config(semantic.sizes, coarse.sizes, fine.sizes, renderer.sizes),
        defaults_of(speaker.recipe),
        {
            "semantic": _arrays(semantic.state_dict()),
            "coarse": _arrays(coarse.state_dict()),
            "fine": _arrays(_untied(fine.state_dict())),
            "codec": _arrays(codec_tensors(renderer)),
        },
        voices,
        storage=options.storage,
    )
    for name in (TOKENIZER_FILE, LEXICON_FILE):
        shutil.copyfile(options.root / name, options.to / name)
    total = sum(path.stat().st_size for path in options.to.rglob("*") if path.is_file())
    print(f"{options.to}: {total / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
