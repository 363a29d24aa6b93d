"""What a request must be before it may take a place."""

from __future__ import annotations

import math

from bark_core.backends.base import WARM_UP_UTTERANCE
from bark_core.config import BarkConfig
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import OptionError, TextError
from bark_core.voices import validate

MAX_GIVEN_TOKENS_FACTOR = 8
"""Given semantic tokens may be so many times what the model makes at most: memory is bounded."""


def check_request(request: UtteranceRequest, config: BarkConfig) -> None:
    """Check a request against the checkpoint.

    Raises:
        TextError: Text ids are missing or out of range.
        OptionError: Semantic tokens, their forced number, the index or the deadline
            are out of range.
        VoiceDataError: The voice does not fit the checkpoint.
    """
    semantic, options = config.semantic, request.options
    if request.semantic_tokens is None:
        largest = min(semantic.text_pad_token - semantic.text_offset,
                      config.semantic_model.input_vocab_size - semantic.text_offset)  # fmt: skip
        if not request.text_ids:
            raise TextError("the text has no tokens; send something to say", field="text")
        if not all(0 <= text_id < largest for text_id in request.text_ids):
            raise TextError(
                f"text ids must be between 0 and {largest - 1}: this text was tokenised for "
                "another checkpoint",
                field="text",
            )
    else:
        limit = MAX_GIVEN_TOKENS_FACTOR * semantic.max_new_tokens
        if len(request.semantic_tokens) > limit:
            raise OptionError(f"at most {limit} semantic tokens", field="semantic_tokens")
        if not all(0 <= token < semantic.vocab_size for token in request.semantic_tokens):
            raise OptionError(
                f"semantic tokens must be between 0 and {semantic.vocab_size - 1}",
                field="semantic_tokens",
            )
    forced = options.forced_semantic_tokens
    if forced is not None and not 0 <= forced <= semantic.max_new_tokens:
        raise OptionError(
            f"forced_semantic_tokens must be between 0 and {semantic.max_new_tokens}",
            field="forced_semantic_tokens",
        )
    if not 0 <= request.index < WARM_UP_UTTERANCE:
        raise OptionError(
            f"the index must be between 0 and {WARM_UP_UTTERANCE - 1}, got {request.index}",
            field="index",
        )
    if request.deadline_s is not None and math.isnan(request.deadline_s):
        raise OptionError("the deadline is not a number", field="deadline")
    if request.voice is not None:
        validate(request.voice, config)
