"""Interruptions: nothing is heard any more, and what was heard is known."""

from __future__ import annotations

import asyncio

import pytest

from barkstream_client import (
    Audio,
    ClosedError,
    Completed,
    DeadlineError,
    Segment,
    SpeechSession,
    Started,
)
from barkstream_client.testing import CHARACTER_S, FakeScript, FakeSpeechServer
from tests.support.eventually import eventually
from tests.support.session_events import all_of, requests, until

SENTENCE = "One two three four five."


async def test_cancel_reports_what_was_heard_and_lets_no_audio_through(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.gate.close()
    server.gate.allow(3)
    context = session.context()
    await context.append(SENTENCE + " More to come.")
    await until(context, Audio)
    await asyncio.sleep(0.05)  # The other chunks arrive; nobody shall hear them.
    report = await context.cancel(played_s=8 * CHARACTER_S)
    assert report.text_spoken + report.text_remaining == context.text
    assert report.text_spoken == "One two"  # Eight characters: nearest to the end of "two"
    assert report.played_s == pytest.approx(0.16)
    assert report.played_reported
    assert await all_of(context) == [report]
    assert await context.cancel() is report  # Once is enough.
    with pytest.raises(ClosedError):
        await context.append("more")
    server.gate.open()
    again = session.context(context.context_id)  # The id is free again.
    await again.append("Hi.")
    await again.finish()
    assert isinstance((await all_of(again))[-1], Completed)
    assert len(requests(server, "cancel")) == 1


async def test_cancel_while_another_task_reads(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.gate.close()
    context = session.context()
    await context.append(SENTENCE + " ")
    reader = asyncio.create_task(all_of(context))
    await asyncio.sleep(0.02)
    report = await context.cancel()
    assert (await reader)[-1] is report


async def test_no_audio_comes_while_a_cancel_is_under_way(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.gate.close()
    context = session.context()
    await context.append(SENTENCE + " ")
    await until(context, Segment)
    server.script = FakeScript(ignores_cancel=True)
    reader = asyncio.create_task(anext(context))
    cancelling = asyncio.create_task(context.cancel())
    await eventually(lambda: requests(server, "cancel"))
    server.gate.open()
    await context.report_playback(0.0)
    await eventually(lambda: requests(server, "playback"))
    await asyncio.sleep(0.05)
    assert not reader.done()
    for task in (reader, cancelling):
        task.cancel()
    await asyncio.gather(reader, cancelling, return_exceptions=True)


async def test_cancel_before_any_text_needs_no_server(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    context = session.context()
    report = await context.cancel()
    assert (report.text_spoken, report.text_remaining, report.usage) == ("", "", None)
    assert await all_of(context) == [report]
    assert requests(server, "cancel") == []


@pytest.mark.parametrize("readall", [True, False])
async def test_cancel_after_all_was_sent_still_tells_what_was_heard(
    server: FakeSpeechServer, session: SpeechSession, *, readall: bool
) -> None:
    context = session.context()
    await context.append(SENTENCE + " Six seven eight.")
    await context.finish()
    if readall:
        await all_of(context)
    else:
        await eventually(lambda: context.terminal is not None)
    report = await context.cancel(played_s=(len(SENTENCE) + 4) * CHARACTER_S + 0.15)
    assert report.text_spoken == SENTENCE + " Six"
    assert report.text_remaining == " seven eight."
    assert report.usage is not None
    everything = await context.cancel()
    assert everything.text_remaining == ""
    assert requests(server, "cancel") == []
    assert isinstance(context.terminal, Completed)
    # Its audio is gone all the same: nobody wants to hear it any more.
    assert [event for event in await all_of(context) if isinstance(event, Audio)] == []


async def test_a_report_of_playback_arrives(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.gate.close()
    server.gate.allow(5)
    context = session.context()
    await context.report_playback(1.0)  # Nothing is spoken yet: nothing to report.
    await context.append(SENTENCE + " ")
    await until(context, Audio)
    await context.report_playback(4 * CHARACTER_S)
    report = await context.cancel()
    assert (report.text_spoken, report.played_reported) == ("One", True)
    assert len(requests(server, "playback")) == 1


async def test_leaving_a_context_cancels_it(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    server.gate.close()
    async with session.context() as context:
        await context.append(SENTENCE + " ")
        await until(context, Segment)
    assert await all_of(context) == []
    await eventually(lambda: not session.live_contexts)  # Until the server has confirmed.
    assert server.live_contexts == 0
    assert len(requests(server, "cancel")) == 1


async def test_cancel_gives_up_on_a_silent_server(
    server: FakeSpeechServer, session: SpeechSession
) -> None:
    context = session.context()
    await context.append(SENTENCE)
    await until(context, Started)
    server.script = FakeScript(ignores_cancel=True)
    with pytest.raises(DeadlineError, match="confirm"):
        await context.cancel(timeout_s=0.05)


async def test_a_cancelled_append_leaves_the_session_alone(session: SpeechSession) -> None:
    for attempt in range(20):
        context = session.context()
        appending = asyncio.create_task(context.append("x" * 10_000))
        for _ in range(attempt % 4):
            await asyncio.sleep(0)
        appending.cancel()
        await asyncio.gather(appending, return_exceptions=True)
        context.close()
    good = session.context()
    await good.append("Hi.")
    await good.finish()
    assert isinstance((await all_of(good))[-1], Completed)
