"""The codec against the ``encodec`` package itself: its names, its arithmetic, for every cutting.

Not part of any suite that runs by itself: see CONTRIBUTING.md for the command. The package wants
torchaudio to read and write files, which nothing here does, so an empty module stands in for it.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from bark_core.checkpoints import open_checkpoint
from bark_core.checkpoints.checkpoint import SunoWeights
from bark_core.config import CodecConfig
from bark_core.models.codec import CodecDecoder
from bark_core.models.loading import as_tensors, build
from bark_core.weights import load_stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.anchor,
    # The package is older than today's torch.
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]
BANDWIDTH_KBPS = 6.0  # eight codebooks
FRAMES = 40


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """EnCodec at 24 kHz with random weights."""
    monkeypatch.setitem(sys.modules, "torchaudio", ModuleType("torchaudio"))
    encodec = pytest.importorskip("encodec", reason="install it as CONTRIBUTING.md says")
    torch.manual_seed(0)
    model = encodec.EncodecModel.encodec_model_24khz(pretrained=False).eval()
    model.set_target_bandwidth(BANDWIDTH_KBPS)
    for layer in model.quantizer.vq.layers:
        torch.nn.init.normal_(layer._codebook.embed)
    return model


@pytest.fixture
def ours(reference: Any, tmp_path: Path) -> CodecDecoder:
    """Our decoder, loaded from the file that the package would publish."""
    path = tmp_path / "encodec_24khz-d7cc33bc.th"
    torch.save(reference.state_dict(), path)
    noise = open_checkpoint("noise")
    checkpoint = replace(
        noise,
        config=replace(noise.config, codec=CodecConfig()),
        weights=SunoWeights(semantic=path, coarse=path, fine=path, codec=path),
    )
    config = checkpoint.config
    return build(
        lambda: CodecDecoder(config.codec, config.fine.n_codebooks),
        as_tensors(load_stage(checkpoint, "codec")),
        "codec",
    )


@pytest.mark.parametrize("cuts", [(), (1, 2, 9, 30), tuple(range(1, FRAMES))])
def test_samples(reference: Any, ours: CodecDecoder, cuts: tuple[int, ...]) -> None:
    codes = torch.randint(1024, (8, FRAMES), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = reference.decode([(codes[None], None)])[0, 0].numpy()
        state = ours.init_state()
        pieces = []
        edges = (0, *cuts, FRAMES)
        for first, last in itertools.pairwise(edges):
            samples, state = ours.decode(codes[:, first:last], state, final=last == FRAMES)
            pieces.append(samples)
    np.testing.assert_allclose(
        torch.cat(pieces).numpy(), expected, rtol=1e-4, atol=1e-4 * float(expected.std())
    )
