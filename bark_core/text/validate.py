"""Is a whole text fit to be spoken? For callers that have all of it."""

from __future__ import annotations

from bark_core.errors import TextError
from bark_core.text.clean import Cleaner, check_characters
from bark_core.text.normalise import is_speakable


def check_length(characters: int, max_characters: int) -> None:
    """Refuse a text by its length alone, before any other work.

    Raises:
        TextError: More than ``max_characters`` code points.
    """
    if characters > max_characters:
        raise TextError(
            f"the text has {characters} characters; at most {max_characters} are taken: "
            "send it in parts",
            field="text",
            reason="TEXT_TOO_LONG",
        )


def validate_text(text: str, max_characters: int) -> None:
    """Check a whole text.

    Raises:
        TextError: Empty (reason TEXT_EMPTY), too long (TEXT_TOO_LONG), not text (TEXT_INVALID) or
            without anything to say (TEXT_UNSPEAKABLE).
    """
    check_length(len(text), max_characters)
    check_characters(text)
    cleaned, _ = Cleaner().feed(text)
    if not is_speakable(cleaned):
        raise nothing_to_say(blank=not text.strip())


def nothing_to_say(*, blank: bool) -> TextError:
    """The error for a text that ends without a speakable character."""
    if blank:
        return TextError(
            "the text is empty; send something to say", field="text", reason="TEXT_EMPTY"
        )
    return TextError(
        "the text has no letter and no digit, so there is nothing to say",
        field="text",
        reason="TEXT_UNSPEAKABLE",
    )
