"""Phones of all texts: a run that was killed goes on where it stopped."""

from pathlib import Path

import pytest

from training import transcribe

TEXTS = ("One two.", "Three.", "Four five six.", "Seven.")


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    # The teacher's own phones take its packages.
    monkeypatch.setattr(transcribe, "Phones", lambda: str.upper)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "left",
    [
        None,
        "",
        "One two.\tONE TWO.\n",
        "One two.\tONE TWO.\nThree.\tTHR",
        "One two.\tONE TWO.\nThr",
        "".join(f"{text}\t{text.upper()}\n" for text in TEXTS),
    ],
    ids=["none", "empty", "one", "cut in phones", "cut in the text", "all"],
)
def test_every_text_is_transcribed_once(root: Path, left: str | None) -> None:
    if left is not None:
        (root / transcribe.FILE).write_text(left, "utf-8")
    transcribe.main(["--root", str(root)])
    assert list(transcribe.read(root)) == [(text, text.upper()) for text in TEXTS]


def test_a_line_that_is_being_written_is_not_read(root: Path) -> None:
    (root / transcribe.FILE).write_text("One two.\tONE TWO.\nThree.", "utf-8")
    assert list(transcribe.read(root)) == [("One two.", "ONE TWO.")]
