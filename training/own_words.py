"""What a coarse network would have said itself, and how it is to go on from there."""

import torch
from torch import Tensor

from training.codec.codebooks import CORRECTIONS, LEVELS
from training.codec.risk import TEMPERATURE, spectra
from training.layout.semantic import IGNORED
from training.models.causal import CausalModel
from training.recipe import Recipe
from training.tokens.ids import Ids


@torch.no_grad()
def own_words(
    model: CausalModel, inputs: Tensor, shares: Tensor, recipe: Recipe, ids: Ids
) -> Tensor:
    """Replace coarse tokens by what the network would have said there itself.

    A network that has only ever continued true speech drifts away once it has to continue its own
    (scheduled sampling in two passes: Mihaylova & Martins 2019, "Scheduled sampling for
    transformers"). What is wanted of book 0 follows from the semantic tokens whatever has been said
    so far, so that target stays; book 1 corrects what book 0 has become (`mended`).

    Args:
        model: as trained so far.
        inputs: [B, L] windows.
        shares: [B] of the tokens replaced.
        recipe: for the lengths.
        ids: of the books and pads.

    Returns:
        [B, L].
    """
    first = recipe.max_coarse_input + 1
    tokens = inputs[:, first:]
    hidden = model(model.embed(inputs[:, :-1]))[:, first - 1 :]
    said = torch.empty_like(tokens)
    for book in range(recipe.coarse_codebooks):
        begin, logits = book_logits(model, hidden, book, recipe, ids)
        # The largest of logits with Gumbel noise is a draw from their softmax.
        noise = -TEMPERATURE * torch.empty_like(logits).exponential_().log()
        said[:, book :: recipe.coarse_codebooks] = begin + (logits + noise).argmax(-1)
    replaced = (torch.rand(tokens.shape) < shares[:, None]) & (tokens != ids.coarse_pad)
    return torch.cat([inputs[:, :first], torch.where(replaced, said, tokens)], 1)


def book_logits(
    model: CausalModel, hidden: Tensor, book: int, recipe: Recipe, ids: Ids
) -> tuple[int, Tensor]:
    """First id of a book, and the logits [B, T, 1024] of its tokens; hidden [B, 2 T, width]."""
    first = ids.semantic_vocabulary + book * ids.codebook_size
    weight = model.lm_head.weight[first : first + ids.codebook_size]
    return first, hidden[:, book :: recipe.coarse_codebooks] @ weight.T


def mended(
    inputs: Tensor, targets: Tensor, codes: Tensor, tables: Tensor, ids: Ids, first: int
) -> Tensor:
    """Targets whose book 1 corrects the book 0 that is there, at the pitch level of the true one.

    Args:
        inputs: [B, L] windows, own words among them.
        targets: [B, L] of the windows as they were.
        codes: [B, 8, F] of all books, of the frames.
        tables: [8, 1024, 52] spectral parts of the codebooks.
        ids: of the books.
        first: place of the first coarse token.

    Returns:
        [B, L].
    """
    base = ids.semantic_vocabulary
    wanted = spectra(codes, tables)
    said = inputs[:, first::2][:, : wanted.shape[1]]
    rest = wanted[:, : said.shape[1]] - tables[0][(said - base).clamp(0, ids.codebook_size - 1)]
    level = codes[:, 1, : said.shape[1]] // CORRECTIONS
    quiet = LEVELS * CORRECTIONS
    shared = torch.cdist(rest, tables[1, :CORRECTIONS].expand(len(rest), -1, -1)).argmin(-1)
    other = torch.cdist(rest, tables[1, quiet:].expand(len(rest), -1, -1)).argmin(-1)
    code = torch.where(level < LEVELS, level * CORRECTIONS + shared, quiet + other)
    result = targets.clone()
    place = result[:, first::2][:, : code.shape[1]]  # a view
    known = place != IGNORED
    place[known] = (base + ids.codebook_size + code)[:, : place.shape[1]][known]
    return result
