"""A frontend without a model."""

from __future__ import annotations

import pytest

from bark_core.checkpoints import open_checkpoint
from bark_core.speech import SpeechFrontend


@pytest.fixture(scope="session")
def frontend() -> SpeechFrontend:
    """Of the noise checkpoint: real tokenizer and voices, no files."""
    return SpeechFrontend(open_checkpoint("noise"))
