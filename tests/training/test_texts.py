"""Texts: cleaning, patterns, and that the held-out sentences stay out."""

from training.make_texts import gather, held_out
from training.texts import sources, templates


def test_clean_makes_one_plain_sentence() -> None:
    assert sources.clean('he said, "well -- maybe"') == "He said, well, maybe."
    assert sources.clean("is it so", "?") == "Is it so?"
    assert sources.clean("na\u00efve") is None
    assert sources.clean("word " * 40) is None
    assert sources.clean("...") is None


def test_templates_are_clean_and_the_same_for_a_seed() -> None:
    made = templates.sentences(500, 7)
    assert made == templates.sentences(500, 7)
    assert made != templates.sentences(500, 8)
    unclean = [text for text in made if sources.clean(text) is None]
    assert all(text.replace(",", "").replace(" ", "")[:-1].isdigit() for text in unclean)
    assert any(any(c.isdigit() for c in text) for text in made)
    assert min(len(text.split()) for text in made) == 1


def test_held_out_sentences_are_kept_out() -> None:
    secret = ["The cat slept on top of the warm radiator.", "It is late."]
    offered = [
        "the cat slept on top of the warm radiator",
        "Well, the cat slept on top of the warm radiator, as ever.",
        "It is late!",
        "It is late in May.",
        "A dog barked.",
        "A dog barked!",
    ]
    kept = gather(offered, secret, 0)
    assert sorted(kept) == ["A dog barked.", "It is late in May."]


def test_held_out_list() -> None:
    sentences = held_out()
    assert len(sentences) >= 100
    assert len({sources.key(text) for text in sentences}) == len(sentences)
    assert any(any(c.isdigit() for c in text) for text in sentences)
    assert sum(text.endswith("?") for text in sentences) >= 15
    assert not set(sentences) & set(templates.sentences(24_000, 20))
