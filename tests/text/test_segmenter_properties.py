"""What holds for every text, however it is cut into deltas."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bark_core.text import SegmentationMode, Segmenter, SegmentLimits, TextSegment
from bark_core.text.clean import NOTES, Cleaner
from bark_core.text.graphemes import joins_previous
from bark_core.text.normalise import is_speakable, normalise

PIECES = [
    *"aZ7 .,!?…。、।;:—-'\"()[]♪\n",
    *("  ", "\n\n", "\r\n", "\n- ", "\n2. ", "Dr.", "U.S.", "e.g. ", "J. R. ", "I. "),
    *("98.6", "$3.5", "22,1", "https://a.example/b.c?d=e,f. ", "me@site.example"),
    *("[laughs]", "[clears throat]", "[not a cue ", "♪ la la. la ♪", "... ", "?!"),
    *("\u201cYes!\u201d she said. ", "「はい。」と", "今天天气很好", "यह वाक्य है। ", "क्षि"),
    *("e\u0301", "\u0301", "\u200b", "\u200d", "\ufe0f", "😀", "👩\u200d👩"),
    *(
        "각",
        "\u1100\u1161\u11a8",
        "word ",
        "another ",
        "Sentence ",
        "The ",
        "He ",
        "extraordinarily",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
LIMITS = st.builds(
    SegmentLimits,
    max_tokens=st.integers(6, 40),
    min_tokens=st.integers(0, 8),
    first_clause_tokens=st.integers(1, 12),
    mode=st.sampled_from(SegmentationMode),
)


def count(text: str) -> int:
    return len(re.findall(r"\w{1,4}|[^\w\s]", text))


def segment(deltas: list[str], limits: SegmentLimits) -> list[TextSegment]:
    segmenter = Segmenter(count, limits)
    found = [one for delta in deltas for one in segmenter.feed(delta)]
    return found + segmenter.flush()


@settings(max_examples=300)
@given(TEXTS, LIMITS, st.lists(st.integers(0, 200), max_size=12))
@example("a. " * 30 + "b", SegmentLimits(mode=SegmentationMode.LIVE), [1, 2, 3, 50])
def test_cuts_do_not_matter(text: str, limits: SegmentLimits, cuts: list[int]) -> None:
    whole = segment([text], limits)
    points = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(points)]
    assert segment(pieces, limits) == whole
    assert segment(list(text), limits) == whole


@settings(max_examples=200)
@given(st.lists(TEXTS, max_size=4), LIMITS)
def test_cuts_do_not_matter_between_flushes(texts: list[str], limits: SegmentLimits) -> None:
    def run(*, by_character: bool) -> list[TextSegment]:
        segmenter = Segmenter(count, limits)
        found = []
        for text in texts:
            for delta in text if by_character else [text]:
                found += segmenter.feed(delta)
            found += segmenter.flush()
        return found

    whole = run(by_character=False)
    assert run(by_character=True) == whole
    assert [one.index for one in whole] == list(range(len(whole)))
    _check_cover("".join(texts), whole)


@settings(max_examples=300)
@given(TEXTS, LIMITS)
def test_everything_is_said_once_in_order(text: str, limits: SegmentLimits) -> None:
    segments = segment([text], limits)
    _check_cover(text, segments)
    for one in segments:
        source = text[one.source_start : one.source_end]
        cleaned, _ = Cleaner().feed(source)
        said = normalise(cleaned)
        assert one.spoken_text in {said, f"♪ {said}", f"{said} ♪", f"♪ {said} ♪"}
        assert is_speakable(one.spoken_text)


def _check_cover(text: str, segments: list[TextSegment]) -> None:
    _, kept = Cleaner().feed(text)
    end = 0
    for one in segments:
        assert end <= one.source_start < one.source_end <= len(text)
        end = one.source_end
    covered = {position for one in segments for position in range(one.source_start, one.source_end)}
    spoken = {at for at in kept if text[at].isalnum() or text[at] in NOTES}
    assert spoken <= covered


@settings(max_examples=300)
@given(TEXTS, LIMITS)
def test_no_utterance_is_too_long(text: str, limits: SegmentLimits) -> None:
    for one in segment([text], limits):
        assert count(one.spoken_text) <= limits.max_tokens


@settings(max_examples=150)
@given(TEXTS, st.integers(1, 3))
def test_graphemes_are_never_cut(text: str, max_tokens: int) -> None:
    """Even where nothing fits: with a byte a token every cluster is too long."""
    segmenter = Segmenter(lambda said: len(said.encode()), SegmentLimits(max_tokens=max_tokens))
    cleaned, kept = Cleaner().feed(text)
    for one in segmenter.feed(text) + segmenter.flush():
        first = kept.index(one.source_start)
        assert first == 0 or not joins_previous(cleaned, first)


@settings(max_examples=150)
@given(TEXTS, LIMITS)
def test_what_is_out_stays_out(text: str, limits: SegmentLimits) -> None:
    """Segments that left after a part of the text are the first ones of the whole."""
    whole = segment([text], limits)
    segmenter = Segmenter(count, limits)
    early = segmenter.feed(text[: len(text) // 2])
    assert whole[: len(early)] == early
