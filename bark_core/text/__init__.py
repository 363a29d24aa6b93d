"""Text: cleaning, checking and cutting a growing text into utterances."""

from bark_core.text.base import (
    SegmentationMode,
    SegmentLimits,
    TextSegment,
    TokenCounter,
    Tokenizer,
)
from bark_core.text.segmenter import Segmenter
from bark_core.text.validate import validate_text

__all__ = [
    "SegmentLimits",
    "SegmentationMode",
    "Segmenter",
    "TextSegment",
    "TokenCounter",
    "Tokenizer",
    "validate_text",
]
