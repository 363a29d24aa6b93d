"""What the published large weights make of one sentence, greedily.

From the tests of the ``transformers`` package (Apache-2.0),
``tests/models/bark/test_modeling_bark.py: BarkModelIntegrationTests``: tokens of ``suno/bark`` for
this text and voice with ``do_sample=False``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bark_core.config import LARGE, BarkConfig, published
from bark_core.doctor.report import Check
from bark_core.voices import Voice

TEXT = "In the light of the moon, a little egg lay on a leaf"
VOICE = "en_speaker_6"

SEMANTIC = (7363, 321, 41, 1461, 6915, 952, 326, 41, 41, 927)
COARSE_IDS = (
    *(11018, 11391, 10651, 11418, 10857, 11620, 10642, 11366),
    *(10312, 11528, 10531, 11516, 10474, 11051, 10524, 11051),
)
FINE = (
    (1018, 651, 857, 642, 312, 531, 474, 524, 524, 776),
    (367, 394, 596, 342, 504, 492, 27, 27, 822, 822),
    (961, 955, 221, 955, 955, 686, 939, 939, 479, 176),
    (638, 365, 218, 944, 853, 363, 639, 22, 884, 456),
    (302, 912, 524, 38, 174, 209, 879, 23, 910, 227),
    (440, 673, 861, 666, 372, 558, 49, 172, 232, 342),
    (244, 358, 123, 356, 586, 520, 499, 877, 542, 637),
    (806, 685, 905, 848, 803, 810, 921, 208, 625, 203),
)


def apply_to(config: BarkConfig) -> bool:
    """True for the size and layout of the published large weights."""
    return replace(config, name="") == published("", LARGE)


def compare(made: Voice, config: BarkConfig) -> tuple[Check, ...]:
    """The stages' tokens against those of the published weights."""
    offsets = np.arange(config.coarse.n_codebooks) * config.coarse.codebook_size
    coarse_ids = (made.coarse + offsets[:, None] + config.semantic.vocab_size).T.reshape(-1)
    return (
        _compare("semantic", made.semantic[None], np.array([SEMANTIC])),
        _compare("coarse", coarse_ids[None], np.array([COARSE_IDS])),
        _compare("fine", made.fine, np.array(FINE)),
    )


def _compare(stage: str, made: NDArray[np.int64], wanted: NDArray[np.int64]) -> Check:
    """The first columns of [rows, columns]."""
    name = f"{stage} tokens of the published suno/bark"
    start = made[:, : wanted.shape[1]]
    if start.shape == wanted.shape and (start == wanted).all():
        return Check(name, passed=True, detail=f"the first {wanted.size} are equal")
    shared = start[:, : wanted.shape[1]] == wanted[:, : start.shape[1]]
    return Check(
        name,
        passed=False,
        detail=(
            f"{int(shared.sum())} of the first {wanted.size} are equal. If these are the published "
            "weights, the device or library computes wrongly: try --device cpu"
        ),
    )
