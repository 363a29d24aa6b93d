"""Where each kind of token lies in the networks' vocabularies; exports declare all of it."""

from dataclasses import dataclass

from training.recipe import Recipe
from training.tokens import semantic


@dataclass(frozen=True, slots=True)
class Ids:
    """Token ids under the names of HF's generation config."""

    semantic_vocabulary: int
    semantic_pad: int  # ends an utterance, and pads its history
    text_offset: int
    text_pad: int
    semantic_infer: int
    semantic_inputs: int
    semantic_outputs: int
    codebook_size: int
    coarse_pad: int
    coarse_infer: int
    coarse_inputs: int
    coarse_outputs: int
    fine_pad: int


def token_ids(recipe: Recipe) -> Ids:
    """The ids of a recipe: semantic, end, text, pads and infer tokens follow one another."""
    vocabulary = semantic.VOCABULARY
    text_offset = vocabulary + 1
    text_pad = text_offset + recipe.text_vocabulary
    coarse_end = vocabulary + recipe.coarse_codebooks * recipe.codebook_size
    return Ids(
        semantic_vocabulary=vocabulary,
        semantic_pad=vocabulary,
        text_offset=text_offset,
        text_pad=text_pad,
        semantic_infer=text_pad + 1,
        semantic_inputs=text_pad + 2,
        semantic_outputs=vocabulary + 1,
        codebook_size=recipe.codebook_size,
        coarse_pad=coarse_end,
        coarse_infer=coarse_end + 1,
        coarse_inputs=coarse_end + 2,
        coarse_outputs=coarse_end,
        fine_pad=recipe.codebook_size,
    )
