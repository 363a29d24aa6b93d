"""A tokenizer of known behaviour for the tests of text."""

from __future__ import annotations

import re

import pytest

from bark_core.text import TokenCounter

_PIECE = re.compile(r"\w{1,4}|[^\w\s]")


@pytest.fixture(scope="session")
def count_tokens() -> TokenCounter:
    """Runs of up to four word characters and single marks, as WordPiece roughly counts."""
    return lambda text: len(_PIECE.findall(text))
