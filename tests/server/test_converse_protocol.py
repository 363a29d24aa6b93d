"""Whatever a caller says and whenever, the answers keep the protocol."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import grpc
from google.protobuf.duration_pb2 import Duration
from hypothesis import given, settings
from hypothesis import strategies as st

from barkstream.v1 import speech_service_pb2 as pb
from tests.support.serving import Conversation, conversation, served

IDS = st.sampled_from(["", "a", "b"])
TEXTS = st.sampled_from(
    ["Hello there. ", "One more", " sentence, of words. ", "", "9:30! ", "\x07"]
)
MAX_CONTEXTS = 2
TERMINAL = {"completed", "cancelled", "failed"}


def _said(kind: str, message: object) -> tuple[str, object]:
    return kind, message


REQUESTS = st.one_of(
    TEXTS.map(lambda text: _said("append", pb.AppendText(text=text))),
    TEXTS.map(lambda text: _said("append", pb.AppendText(text=text))),
    st.integers(0, 99).map(lambda n: _said("flush", pb.FlushText(flush_id=str(n)))),
    st.just(_said("finish", pb.FinishContext())),
    st.just(_said("cancel", pb.CancelContext())),
    st.integers(0, 5).map(
        lambda s: _said("playback", pb.ReportPlayback(played=Duration(seconds=s)))
    ),
    st.just(_said("keepalive", pb.Keepalive())),
    st.integers(1, 20).map(lambda n: _said("read", n)),
)
SCRIPTS = st.lists(st.tuples(IDS, REQUESTS), max_size=25)


async def _talk(script: Sequence[tuple[str, tuple[str, object]]]) -> list[pb.ConverseResponse]:
    """Run a script, half-close, return everything that was received."""
    messages: list[pb.ConverseResponse] = []
    async with (
        served(slots=2, max_contexts_per_session=MAX_CONTEXTS, heartbeat_s=0.1) as target,
        conversation(target) as talk,
    ):
        for context_id, (kind, message) in script:
            if kind == "read":
                messages += await _some(talk, int(str(message)))
            else:
                await talk.send(context_id, **{kind: message})
        await talk.half_close()
        messages += await talk.rest()
        assert await talk.code() is grpc.StatusCode.OK
        await target.settled()
    return messages


async def _some(talk: Conversation, most: int) -> list[pb.ConverseResponse]:
    """What comes within a moment."""
    messages = []
    for _ in range(most):
        try:
            message = await talk.receive(0.005)
        except TimeoutError:
            break
        assert message is not None
        messages.append(message)
    return messages


@settings(max_examples=40, deadline=None)
@given(SCRIPTS)
def test_every_conversation_keeps_the_protocol(
    script: list[tuple[str, tuple[str, object]]],
) -> None:
    messages = asyncio.run(_talk(script))
    by_id: dict[str, list[pb.ConverseResponse]] = defaultdict(list)
    live: set[str] = set()
    for message in messages:
        by_id[message.context_id].append(message)
        event = message.WhichOneof("event")
        if event == "context_started":
            live.add(message.context_id)
            assert len(live) <= MAX_CONTEXTS
        elif event in TERMINAL:
            live.discard(message.context_id)
    assert set(by_id) <= {context_id for context_id, _ in script}
    for context_id, events in by_id.items():
        flushes = [str(m.flush_id) for i, (k, m) in script if i == context_id and k == "flush"]  # type: ignore[attr-defined]
        _check_context(events, flushes)


def _check_context(events: Sequence[pb.ConverseResponse], flushes: list[str]) -> None:
    """The events of one id: contexts one after another, each with one end."""
    alive = False
    position = chunks = segments = 0
    for message in events:
        event = message.WhichOneof("event")
        if not alive:
            # Only a beginning, or the refusal of one.
            assert event in {"context_started", "failed"}, event
            alive = event == "context_started"
            position = chunks = segments = 0
        elif event in TERMINAL:
            alive = False
            if event == "completed":
                assert message.completed.usage.samples == position > 0
            if event == "cancelled":
                assert message.cancelled.usage.samples == position
        elif event == "audio":
            assert message.audio.start_sample == position
            assert message.audio.chunk_index == chunks
            assert message.audio.segment_index < segments
            assert len(message.audio.data) == 2 * message.audio.sample_count > 0
            position += message.audio.sample_count
            chunks += 1
        elif event == "segment_started":
            assert message.segment_started.segment.index == segments
            segments += 1
        elif event == "flushed":
            # In order; those of contexts that ended first never come.
            assert message.flushed.flush_id in flushes
            del flushes[: flushes.index(message.flushed.flush_id) + 1]
        else:
            assert event == "progress"
    assert not alive
