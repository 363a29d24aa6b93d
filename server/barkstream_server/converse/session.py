"""One session: its life, what it sends and when.

Two tasks share it. The *reader* takes the caller's messages and acts on them at once, whether the
caller reads or not. The *writer*, the RPC's own task, sends: replies first, then one message of
each context in turn. A context hands out its terminal message last and is then forgotten, so
nothing can follow it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from dataclasses import dataclass

from google.protobuf.message import Message

from bark_core.errors import BarkstreamError, DrainingError, IdleTimeoutError, OutOfOrderError
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.call import Call
from barkstream_server.converse.contexts import Contexts
from barkstream_server.converse.inbox import ContextDefaults, Inbox
from barkstream_server.convert.durations import duration_of, seconds_of
from barkstream_server.convert.settings import effective_config
from barkstream_server.resources import SpeechResources

# The reader waits while this many replies have not been taken.
MAX_REPLIES = 64

_EVENT_FIELDS: dict[type[Message], str] = {
    pb.ContextStarted: "context_started",
    pb.SegmentStarted: "segment_started",
    pb.AudioChunk: "audio",
    pb.Progress: "progress",
    pb.Flushed: "flushed",
    pb.Queued: "queued",
    pb.ContextCompleted: "completed",
    pb.ContextCancelled: "cancelled",
    pb.ContextFailed: "failed",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session was opened with.

    Attributes:
        defaults: What its contexts start from.
        idle_timeout_s: None: never.
        heartbeat_s: Longest silence of the server while a context lives.
    """

    defaults: ContextDefaults
    idle_timeout_s: float | None
    heartbeat_s: float


async def converse(call: Call, resources: SpeechResources) -> None:
    """Hold a session."""
    first = await call.receive_first(pb.ConverseRequest)
    if first.WhichOneof("request") != "open":
        raise OutOfOrderError(
            "the first message of a session must be open", reason="FIRST_MESSAGE_NOT_OPEN"
        )
    resources.admission.check()
    session = Session(call, resources, await _terms(first.open, call, resources))
    with resources.admission.admit(session, resources.tenant_of(call)):
        await session.run()


async def _terms(message: pb.OpenSession, call: Call, resources: SpeechResources) -> Terms:
    plan = await resources.read_plan(
        message.config, path="open.config", live=True, deadline_s=call.deadline_s
    )
    idle_timeout_s = None
    if message.HasField("idle_timeout"):
        idle_timeout_s = seconds_of(
            message.idle_timeout, "open.idle_timeout", low_s=1, high_s=86_400
        )
    heartbeat_s = resources.config.heartbeat_s
    if message.HasField("heartbeat_interval"):
        heartbeat_s = seconds_of(
            message.heartbeat_interval, "open.heartbeat_interval", low_s=0.1, high_s=60
        )
    defaults = ContextDefaults(message.config, plan, call.deadline_s)
    return Terms(defaults, idle_timeout_s, heartbeat_s)


class Session:
    """A Converse call after its open message.

    Args:
        call: The RPC.
        resources: What the speech methods share.
        terms: What the session was opened with.
    """

    def __init__(self, call: Call, resources: SpeechResources, terms: Terms) -> None:
        self._call = call
        self._resources = resources
        self._terms = terms
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._replies: deque[pb.ConverseResponse] = deque()
        self._contexts = Contexts(call, resources, self._news.set)
        self._inbox = Inbox(self._contexts, resources, terms.defaults, self._refuse)
        self._half_closed = False
        self._draining = False
        self._error: BaseException | None = None
        self._last_received_s = self._last_sent_s = self._last_spoken_s = time.monotonic()

    async def run(self) -> None:
        """Until the caller has half-closed and all is spoken.

        Raises:
            BarkstreamError: Why the session ends early.
        """
        self._reply(pb.ConverseResponse(session_opened=self._opened()))
        reader = asyncio.ensure_future(self._read())
        try:
            await self._write()
        finally:
            self._contexts.close()
            reader.cancel()
            await asyncio.wait({reader})

    def drain(self, grace_s: float) -> None:
        """Say so; the session ends when its contexts have, or when it is shut."""
        self._draining = True
        self._reply(pb.ConverseResponse(draining=pb.Draining(grace=duration_of(grace_s))))

    def shut(self, error: BaseException) -> None:
        """End the call now."""
        self._error = self._error or error
        self._news.set()

    async def _read(self) -> None:
        try:
            while (message := await self._call.receive(pb.ConverseRequest)) is not None:
                self._last_received_s = time.monotonic()
                await self._room.wait()
                await self._inbox.take(message)
            self._half_closed = True
            self._contexts.finish_all()
        except Exception as error:  # noqa: BLE001 - the writer, which owns the call, reports it
            self.shut(error)
        self._news.set()

    async def _write(self) -> None:
        while True:
            response = self._next_response()
            if response is not None:
                await self._call.send(response)
                self._last_sent_s = time.monotonic()
            elif self._half_closed and not self._contexts:
                return
            elif self._draining and not self._contexts:
                raise DrainingError(
                    "the server is shutting down; connect to another one", retry_after_s=2.0
                )
            else:
                await self._wait()

    def _next_response(self) -> pb.ConverseResponse | None:
        if self._error is not None:
            raise self._error
        # Cleared before looking: what comes while looking is not missed.
        self._news.clear()
        if self._replies:
            response = self._replies.popleft()
            self._room.set()
            return response
        pulled = self._contexts.pull()
        if pulled is None:
            return None
        context_id, message = pulled
        self._last_spoken_s = time.monotonic()
        return _response(context_id, _EVENT_FIELDS[type(message)], message)

    async def _wait(self) -> None:
        """Until there may be something to send, or a timer has done its work."""
        now_s = time.monotonic()
        moments = []
        if self._contexts:
            moments.append(self._last_sent_s + self._terms.heartbeat_s)
        if self._terms.idle_timeout_s is not None:
            moments.append(self._idle_since_s(now_s) + self._terms.idle_timeout_s)
        timeout_s = max(min(moments) - now_s, 0) if moments else None
        try:
            await asyncio.wait_for(self._news.wait(), timeout_s)
        except TimeoutError:
            self._on_timer(time.monotonic())

    def _on_timer(self, now_s: float) -> None:
        idle_s = self._terms.idle_timeout_s
        if idle_s is not None and now_s - self._idle_since_s(now_s) >= idle_s:
            raise IdleTimeoutError(
                f"no message came for {idle_s:g} s while nothing was spoken; send keepalive "
                "messages, or open the session with a longer idle_timeout"
            )
        if self._contexts and now_s - self._last_sent_s >= self._terms.heartbeat_s:
            waiting = self._resources.engine.load().waiting
            for context_id, speaker in self._contexts:
                if not speaker.started:
                    continue  # opened just now; nothing may come before its first message
                self._reply(_response(context_id, "progress", speaker.progress(waiting)))

    def _idle_since_s(self, now_s: float) -> float:
        if self._contexts.busy:
            return now_s
        return max(self._last_received_s, self._last_spoken_s)

    def _refuse(self, context_id: str, error: BarkstreamError) -> None:
        self._contexts.note_end(context_id)
        failed = self._contexts.failed(error)
        self._reply(_response(context_id, "failed", failed))

    def _reply(self, response: pb.ConverseResponse) -> None:
        self._replies.append(response)
        if len(self._replies) >= MAX_REPLIES:
            self._room.clear()
        self._news.set()

    def _opened(self) -> pb.SessionOpened:
        plan = self._terms.defaults.plan
        limits = self._resources.config
        return pb.SessionOpened(
            session_id=uuid.uuid4().hex,
            native_sample_rate_hz=self._resources.frontend.config.sample_rate_hz,
            max_contexts=limits.max_contexts_per_session,
            max_text_characters=limits.max_text_characters,
            effective_config=effective_config(
                plan, self._resources.frontend, seed=plan.settings.seed
            ),
        )


def _response(context_id: str, field: str, event: Message) -> pb.ConverseResponse:
    response = pb.ConverseResponse(context_id=context_id)
    getattr(response, field).CopyFrom(event)
    return response
