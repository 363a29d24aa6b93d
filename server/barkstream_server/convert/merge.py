"""Overrides of one configuration message by another."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

MessageT = TypeVar("MessageT", bound=Message)


def merged(base: MessageT, override: MessageT) -> MessageT:
    """``base`` with every field that is set in ``override``; neither is changed.

    Unlike protobuf's own MergeFrom a Duration is one value: 2 s over 1.5 s is 2 s, not 2.5 s.
    """
    result = type(base)()
    result.CopyFrom(base)
    _overlay(result, override)
    return result


def _overlay(target: Any, override: Any) -> None:
    for field, value in override.ListFields():
        nested = field.type == FieldDescriptor.TYPE_MESSAGE
        if nested and not isinstance(value, Duration):
            # Also marks the message as set where all of its fields are unset.
            getattr(target, field.name).SetInParent()
            _overlay(getattr(target, field.name), value)
        elif nested:
            getattr(target, field.name).CopyFrom(value)
        else:
            setattr(target, field.name, value)
