"""What the caller says in a session, acted upon at once.

What is wrong with one context fails that context only; the session lives on. What cannot be laid
to one context (a broken message, a second open, an unusable id) ends the call: it is a fault in
the caller's program, and silence would hide it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bark_core.errors import (
    BarkstreamError,
    InvalidRequestError,
    OptionError,
    OutOfOrderError,
    UnknownContextError,
)
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.converse.contexts import Contexts
from barkstream_server.convert.durations import seconds_of
from barkstream_server.convert.merge import merged
from barkstream_server.convert.settings import SpeechPlan
from barkstream_server.resources import SpeechResources
from barkstream_server.speaker import Speaker

MAX_FLUSH_ID_CHARACTERS = 64
MAX_PLAYED_S = 7 * 86_400.0

_CONTEXT_ID = re.compile(r"[A-Za-z0-9._:-]{0,64}")


@dataclass(frozen=True, slots=True)
class ContextDefaults:
    """What contexts of a session start from.

    Attributes:
        config: As the caller gave it.
        plan: The same, checked and filled in.
        deadline_s: ``time.monotonic()`` moment of the call's deadline.
    """

    config: pb.SpeechConfig
    plan: SpeechPlan
    deadline_s: float | None


class Inbox:
    """Acts on messages, one after another.

    Args:
        contexts: Of the session.
        resources: What the speech methods share.
        defaults: What contexts start from.
        refuse: Tells the caller why there is no context of an id.
    """

    def __init__(
        self,
        contexts: Contexts,
        resources: SpeechResources,
        defaults: ContextDefaults,
        refuse: Callable[[str, BarkstreamError], None],
    ) -> None:
        self._contexts = contexts
        self._resources = resources
        self._defaults = defaults
        self._refuse = refuse

    async def take(self, message: pb.ConverseRequest) -> None:
        """Act on a message.

        Raises:
            InvalidRequestError: It cannot be laid to a context.
            OutOfOrderError: A second open.
        """
        kind = message.WhichOneof("request")
        if kind is None:
            raise InvalidRequestError(
                "the message says nothing that this server knows; set one of the request fields",
                reason="REQUEST_EMPTY",
            )
        if kind == "open":
            raise OutOfOrderError("the session is open already", reason="SESSION_ALREADY_OPEN")
        if kind == "keepalive":
            return
        if _CONTEXT_ID.fullmatch(message.context_id) is None:
            raise InvalidRequestError(
                "a context_id is at most 64 characters of A-Z, a-z, 0-9 and . _ : -",
                field="context_id",
                reason="CONTEXT_ID_INVALID",
            )
        try:
            if kind == "append":
                await self._append(message.context_id, message.append)
            else:
                self._act(message)
        except BarkstreamError as error:
            self._fail(message.context_id, error)

    async def _append(self, context_id: str, append: pb.AppendText) -> None:
        speaker = self._contexts.get(context_id)
        if speaker is None:
            plan = await self._plan(append)
            speaker = self._contexts.open(context_id, plan)
        elif append.HasField("config"):
            raise OptionError(
                "config belongs into the first append of a context", field="append.config"
            )
        elif speaker.bridge.context.ended:
            return  # the caller has yet to read how it ended
        context = speaker.bridge.context
        try:
            await self._resources.check_more_text(
                append.text, context.usage.text_characters, context.settings.max_text_characters
            )
            await speaker.bridge.append(append.text)
        except InvalidRequestError as error:
            error.field = "append.text"
            raise

    async def _plan(self, append: pb.AppendText) -> SpeechPlan:
        if not append.HasField("config"):
            return self._defaults.plan
        return await self._resources.read_plan(
            merged(self._defaults.config, append.config),
            path="append.config",
            live=True,
            deadline_s=self._defaults.deadline_s,
        )

    def _act(self, message: pb.ConverseRequest) -> None:
        """All requests but append: their context must be there, or have been."""
        speaker = self._contexts.get(message.context_id)
        if speaker is None:
            if self._contexts.ended_lately(message.context_id):
                return  # crossed the terminal event on its way
            raise UnknownContextError(
                "no context has this id; the first append of an id opens it",
                resource_name=message.context_id,
            )
        if speaker.bridge.context.ended:
            return
        match message.WhichOneof("request"):
            case "flush":
                _flush(speaker, message.flush)
            case "finish":
                speaker.bridge.finish()
            case "cancel":
                played = message.cancel if message.cancel.HasField("played") else None
                speaker.cancel(None if played is None else _played_s(played, "cancel.played"))
            case "playback":
                speaker.report_playback(_played_s(message.playback, "playback.played"))
            case other:
                raise AssertionError(other)

    def _fail(self, context_id: str, error: BarkstreamError) -> None:
        speaker = self._contexts.get(context_id)
        if speaker is None:
            self._refuse(context_id, error)
        else:
            speaker.fail(error)


def _flush(speaker: Speaker, flush: pb.FlushText) -> None:
    if len(flush.flush_id) > MAX_FLUSH_ID_CHARACTERS:
        raise InvalidRequestError(
            f"a flush_id has at most {MAX_FLUSH_ID_CHARACTERS} characters",
            field="flush.flush_id",
        )
    speaker.bridge.flush(flush.flush_id)


def _played_s(message: pb.CancelContext | pb.ReportPlayback, field: str) -> float:
    if not message.HasField("played"):
        raise InvalidRequestError("a report of playback says how much was played", field=field)
    return seconds_of(message.played, field, low_s=0, high_s=MAX_PLAYED_S)
