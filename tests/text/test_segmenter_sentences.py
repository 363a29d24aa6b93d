"""Where utterances end, in the languages that Bark speaks."""

from __future__ import annotations

from typing import Any

import pytest

from bark_core.text import SegmentationMode, Segmenter, SegmentLimits, TokenCounter

SENTENCES = [
    ("en", ["Dr. Smith went to the U.S. yesterday.", "He came back on Monday."]),
    ("en", ["It has 98.6 degrees and costs $3.5 or 22,1 euros.", "That is not cheap."]),
    ("en", ["Use fruit, e.g. green apples.", "Bananas will do as well."]),
    ("en", ["See https://a.example/b.html?c=d.e, or ask me@site.example.", "Thank you so much."]),
    ("en", ["J. R. R. Tolkien wrote the book.", "Mr. Jones read it at 5 p.m. sharp."]),
    ("en", ["Wait... what did you say?", "I said that it is — well, over."]),
    ("en", ["“I really have to go!” she said.", "Then she left for good."]),
    ("en", ["Version 2.0.1 is out today!", "It has nothing new at all?!", "So do not bother."]),
    ("de", ["Am 3. Oktober kam Herr Dr. Müller zu uns.", "Er aß z.B. gerne Äpfel und Birnen."]),
    ("es", ["¿Cómo está usted, Sr. García?", "¡Qué alegría verle por aquí!"]),
    ("fr", ["M. Dupont est arrivé à la gare.", "Il n'a pas attendu longtemps."]),
    ("hi", ["यह एक बहुत अच्छा वाक्य है।", "क्या हाल है आपका आज?", "सब ठीक है यहाँ।"]),
    ("it", ["Il sig. Rossi è arrivato ieri sera.", "Non è rimasto a lungo."]),
    ("ja", ["これは、とても新しい万年筆です。", "どこで買ったのか、誰も知らない！"]),
    ("ko", ["안녕하세요 여러분, 반갑습니다.", "오늘은 날씨가 정말 좋네요!"]),
    ("pl", ["To jest np. bardzo dobry pomysł.", "Nikt tego wcześniej nie zrobił."]),
    ("pt", ["O Sr. Silva chegou ontem à noite.", "Ele não ficou muito tempo aqui."]),
    ("ru", ["Сегодня очень хорошая погода.", "Пойдём гулять в парк вечером?"]),
    ("tr", ["Bugün hava gerçekten çok güzel.", "Akşam parka gidelim mi acaba?"]),
    ("zh", ["今天天气，非常好啊，真的。", "我们一起，去公园吧，好吗？"]),
]  # fmt: skip


@pytest.mark.parametrize(("language", "sentences"), SENTENCES)
@pytest.mark.parametrize("mode", SegmentationMode)
def test_sentences(
    language: str, sentences: list[str], mode: SegmentationMode, count_tokens: TokenCounter
) -> None:
    limits = SegmentLimits(mode=mode, min_tokens=3, first_clause_tokens=37)
    segmenter = Segmenter(count_tokens, limits, language=language)
    joint = "" if language in {"ja", "zh"} else " "
    found = segmenter.feed(joint.join(sentences)) + segmenter.flush()
    assert [one.spoken_text for one in found] == sentences


def whole(text: str, count_tokens: TokenCounter, **limits: Any) -> list[str]:
    segmenter = Segmenter(count_tokens, SegmentLimits(**limits))
    return [one.spoken_text for one in segmenter.feed(text) + segmenter.flush()]


def live(text: str, count_tokens: TokenCounter, **limits: Any) -> list[str]:
    segmenter = Segmenter(count_tokens, SegmentLimits(**limits, mode=SegmentationMode.LIVE))
    return [one.spoken_text for one in segmenter.feed(text) + segmenter.flush()]


@pytest.mark.parametrize(
    "cue",
    ["[laughs]", "[laughter]", "[sighs]", "[music]", "[gasps]", "[clears throat]", "[MAN]",
     "[WOMAN]", "♪ la la la ♪", "...", "…", "—", "REALLY"],
)  # fmt: skip
def test_cues_survive(cue: str, count_tokens: TokenCounter) -> None:
    text = f"I think {cue} that this is fine. And so do you [clears throat] my friend."
    spoken = whole(text, count_tokens, min_tokens=0)
    assert spoken[0] == f"I think {cue} that this is fine."


def test_cues_are_not_cut_in_two(count_tokens: TokenCounter) -> None:
    text = "one [clears throat] two [clears throat] three [clears throat] four"
    for most in range(6, 20):
        for spoken in whole(text, count_tokens, max_tokens=most, min_tokens=0):
            assert spoken.count("[") == spoken.count("]"), most


def test_a_song_stays_whole_where_it_fits(count_tokens: TokenCounter) -> None:
    text = (
        "He began to sing. ♪ In the jungle. The mighty jungle! The lion sleeps. ♪ Then he stopped."
    )
    assert whole(text, count_tokens, min_tokens=3) == [
        "He began to sing.",
        "♪ In the jungle. The mighty jungle! The lion sleeps. ♪ Then he stopped.",
    ]


def test_both_parts_of_a_long_song_are_sung(count_tokens: TokenCounter) -> None:
    text = "♪ In the jungle, the mighty jungle, the lion sleeps tonight, and so do I ♪"
    assert whole(text, count_tokens, max_tokens=16) == [
        "♪ In the jungle, the mighty jungle, ♪",
        "♪ the lion sleeps tonight, and so do I ♪",
    ]


def test_notes_stay_with_their_song(count_tokens: TokenCounter) -> None:
    text = "They began with it ♪ la la la, la la la la ♪ and then went home again together."
    for most in range(6, 20):
        for spoken in whole(text, count_tokens, max_tokens=most, min_tokens=0):
            assert "♪ ♪" not in spoken, most
            assert spoken.count("♪") in {0, 2}, most


def test_a_lone_note_does_not_sing_for_ever(count_tokens: TokenCounter) -> None:
    text = "A note ♪ came. " + "And nothing closed the song at all, not then. " * 20
    spoken = whole(text, count_tokens)
    assert "♪" not in spoken[-1]
    assert (
        "♪"
        not in whole("Then a note ♪ came here.\n\nThen nothing else came here.", count_tokens)[-1]
    )


def test_paragraphs_and_lists_end_sentences(count_tokens: TokenCounter) -> None:
    text = (
        "A title without a stop\n\nWrapped text goes\non here:\n"
        "- one thing here\n- another thing\n2. a third"
    )
    assert whole(text, count_tokens, min_tokens=2) == [
        "A title without a stop",
        "Wrapped text goes on here:",
        "- one thing here",
        "- another thing",
        "2. a third",
    ]


def test_numbers_of_items_stay_with_their_items(count_tokens: TokenCounter) -> None:
    assert live("1. Take the first one. 2. Take the second one.", count_tokens, min_tokens=3) == [
        "1. Take the first one.",
        "2. Take the second one.",
    ]


def test_long_sentences_are_cut_at_clauses(count_tokens: TokenCounter) -> None:
    text = (
        "I went to the old market with my sister; "
        "we bought apples, pears and some plums, and then we ran home."
    )
    assert whole(text, count_tokens, max_tokens=20, min_tokens=3) == [
        "I went to the old market with my sister;",
        "we bought apples, pears and some plums, and then we ran home.",
    ]


def test_what_has_no_clauses_is_cut_between_words(count_tokens: TokenCounter) -> None:
    words = [f"w{number}" for number in range(50)]
    spoken = whole(" ".join(words), count_tokens, max_tokens=20, min_tokens=3)
    assert [word for one in spoken for word in one.split()] == words
    assert all(3 <= count_tokens(one) <= 20 for one in spoken)


def test_what_has_no_words_is_cut_between_graphemes(count_tokens: TokenCounter) -> None:
    text = "x\u0301" * 400
    spoken = whole(text, count_tokens, max_tokens=20)
    assert "".join(spoken) == "x\u0301" * 400
    assert len(spoken) > 1


def test_endless_clusters_are_cut_all_the_same(count_tokens: TokenCounter) -> None:
    for text in ("\u1100" * 1000, "\u0915\u094d" * 500):
        assert "".join(whole(text, count_tokens)) == text
        assert max(len(one) for one in whole(text, count_tokens)) <= 200


def test_a_little_too_long_is_cut_in_two_halves(count_tokens: TokenCounter) -> None:
    words = " ".join(["word"] * 39)
    assert [count_tokens(one) for one in whole(f"{words}.", count_tokens)] == [20, 20]


def test_short_sentences_join_neighbours(count_tokens: TokenCounter) -> None:
    assert whole("OK. Let me look at that for you. Bye!", count_tokens) == [
        "OK. Let me look at that for you. Bye!"
    ]
    assert whole("This is a first sentence. No. And this is the last one.", count_tokens) == [
        "This is a first sentence.",
        "No. And this is the last one.",
    ]


def test_joining_never_makes_an_utterance_too_long(count_tokens: TokenCounter) -> None:
    text = "one two three four five six seven eight nine ten. Bye."
    spoken = whole(text, count_tokens, max_tokens=14, min_tokens=3)
    assert [count_tokens(one) <= 14 for one in spoken] == [True] * len(spoken)
    assert " ".join(spoken) == text


def test_live_text_leaves_with_the_first_character_of_the_next_sentence(
    count_tokens: TokenCounter,
) -> None:
    segmenter = Segmenter(count_tokens, SegmentLimits(mode=SegmentationMode.LIVE))
    assert segmenter.feed("Sure!") == []
    assert segmenter.feed(" ") == []
    assert [one.spoken_text for one in segmenter.feed("L")] == ["Sure!"]


def test_live_text_waits_for_the_next_word_after_a_full_stop(count_tokens: TokenCounter) -> None:
    """ "Dr. S" may be a name; a whole next word settles it."""
    segmenter = Segmenter(count_tokens, SegmentLimits(mode=SegmentationMode.LIVE))
    assert segmenter.feed("He is fine. The") == []
    assert [one.spoken_text for one in segmenter.feed(" ")] == ["He is fine."]


def test_live_text_begins_with_a_clause_that_is_long_enough(count_tokens: TokenCounter) -> None:
    text = (
        "Well, the thing that you asked me about yesterday, "
        "as I said, is rather difficult, you know."
    )
    assert live(text, count_tokens) == [
        "Well, the thing that you asked me about yesterday,",
        "as I said, is rather difficult, you know.",
    ]
    assert whole(text, count_tokens) == [text]


def test_only_the_first_utterance_and_those_after_a_flush_are_hasty(
    count_tokens: TokenCounter,
) -> None:
    segmenter = Segmenter(count_tokens, SegmentLimits(mode=SegmentationMode.LIVE))
    found = segmenter.feed("Yes! No! Maybe! ")
    found += segmenter.flush()
    found += segmenter.feed("Oh! Really! Good ")
    assert [one.spoken_text for one in found] == ["Yes!", "No! Maybe!", "Oh!"]


def test_a_flush_speaks_what_is_there(count_tokens: TokenCounter) -> None:
    segmenter = Segmenter(count_tokens)
    assert segmenter.feed("Hello the") == []
    (first,) = segmenter.flush()
    (second,) = segmenter.feed("re, you.") + segmenter.flush()
    assert (first.index, first.spoken_text, first.source_start, first.source_end) == (
        0, "Hello the", 0, 9,
    )  # fmt: skip
    assert (second.index, second.spoken_text, second.source_start, second.source_end) == (
        1, "re, you.", 9, 17,
    )  # fmt: skip
    assert segmenter.flush() == []


def test_unspeakable_text_joins_what_follows_or_is_dropped(count_tokens: TokenCounter) -> None:
    assert whole("... 😀 --- Hello there.", count_tokens) == ["... --- Hello there."]
    assert whole("*** 😀 ...", count_tokens) == []
    assert whole("--- *** --- *** ---. Hello you there.", count_tokens) == [
        "--- *** --- *** ---. Hello you there."
    ]
    assert live("... ! Hello there. ***", count_tokens) == ["... ! Hello there."]


def test_source_offsets_count_code_points_of_the_source(count_tokens: TokenCounter) -> None:
    text = "  \u200bCafe\u0301 😀 here.  Next\u200b one goes."
    segmenter = Segmenter(count_tokens, SegmentLimits(min_tokens=2))
    found = segmenter.feed(text) + segmenter.flush()
    assert [one.spoken_text for one in found] == ["Café here.", "Next one goes."]
    assert [text[one.source_start : one.source_end] for one in found] == [
        "Cafe\u0301 😀 here.",
        "Next\u200b one goes.",
    ]
