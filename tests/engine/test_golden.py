"""The committed model makes the committed tokens: nothing moved by accident."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.make_golden_tokens import PATH, made

GOLDEN: dict[str, Any] = json.loads(PATH.read_text())


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return made()


def test_the_cases_are_the_same(found: dict[str, Any]) -> None:
    assert list(found) == list(GOLDEN)


@pytest.mark.parametrize("case", GOLDEN)
def test_tokens_and_audio_are_the_same(found: dict[str, Any], case: str) -> None:
    made_now, golden = found[case], GOLDEN[case]
    assert made_now["semantic"] == golden["semantic"]
    assert made_now["fine"] == golden["fine"]
    assert made_now["samples"] == golden["samples"]
    # Rounding differs between processors; a wrong sample does not hide behind this.
    assert made_now["rms"] == pytest.approx(golden["rms"], rel=1e-4)
    assert made_now["pcm"] == pytest.approx(golden["pcm"], abs=1e-3 * golden["rms"])


def test_the_cases_differ() -> None:
    """Policies, sampling and voices all matter: none is silently ignored."""
    fines = [json.dumps(case["fine"]) for case in GOLDEN.values()]
    assert len(set(fines)) == len(fines)
