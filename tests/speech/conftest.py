"""A frontend without a model, and contexts whose engine is played by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bark_core.checkpoints import open_checkpoint
from bark_core.speech import SpeechContext, SpeechFrontend, SpeechSettings
from tests.support.speech_script import ManualClock, Opener, Owner


@pytest.fixture(scope="session")
def frontend() -> SpeechFrontend:
    """Of the noise checkpoint: real tokenizer and voices, no files."""
    return SpeechFrontend(open_checkpoint("noise"))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_context(frontend: SpeechFrontend, clock: ManualClock) -> Opener:
    def make(settings: SpeechSettings | None = None, **changes: object) -> Owner:
        base = frontend.settings(seed=7, pause_s=0.1) if settings is None else settings
        changed = replace(base, **changes)  # type: ignore[arg-type]
        return Owner(SpeechContext("c", frontend, changed, clock))

    return make
