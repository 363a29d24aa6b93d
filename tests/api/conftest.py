"""The golden model, loaded once; tests that choose models get a cache of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bark_core import api
from bark_core.drop_in.model_cache import CHECKPOINT_VARIABLE, SUNO_SMALL_VARIABLE, ModelCache
from tools.make_golden import DIRECTORY as GOLDEN


@pytest.fixture(scope="package")
def golden_cache() -> Iterator[ModelCache]:
    cache = ModelCache()
    yield cache
    cache.clear()


@pytest.fixture(autouse=True)
def golden_model(monkeypatch: pytest.MonkeyPatch, golden_cache: ModelCache) -> None:
    monkeypatch.setenv(CHECKPOINT_VARIABLE, str(GOLDEN))
    monkeypatch.delenv(SUNO_SMALL_VARIABLE, raising=False)
    monkeypatch.setattr(api, "_models", golden_cache)


@pytest.fixture
def fresh_cache(golden_model: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelCache]:
    cache = ModelCache()
    monkeypatch.setattr(api, "_models", cache)
    yield cache
    cache.clear()
