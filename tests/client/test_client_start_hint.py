"""Start hints of the fake server, for tests of players and plugins."""

from __future__ import annotations

import pytest

from barkstream_client import Audio, SpeechClient, StartHint
from barkstream_client.testing import FakeScript, FakeSpeechServer


async def test_the_first_audio_tells_what_to_wait_for(
    server: FakeSpeechServer, client: SpeechClient
) -> None:
    server.script = FakeScript(start_buffer_s=0.45)
    stream = client.stream("A sentence to speak. Another one.", honours_start_hint=True)
    audio = [event async for event in stream if isinstance(event, Audio)]
    assert audio[0].start_hint == StartHint(0.45)
    assert {event.start_hint for event in audio[1:]} == {None}
    server.script = FakeScript()
    async for event in client.stream("A sentence to speak."):
        assert not isinstance(event, Audio) or event.start_hint is None


@pytest.mark.parametrize(("buffer_s", "heard"), [(30.0, False), (0.05, True)])
async def test_cancelled_while_the_player_waits_nothing_was_heard(
    server: FakeSpeechServer, client: SpeechClient, buffer_s: float, *, heard: bool
) -> None:
    server.script = FakeScript(start_buffer_s=buffer_s)
    server.gate.close()
    server.gate.allow(2)
    async with client.session(honours_start_hint=True) as session:
        context = session.context()
        await context.append("A sentence to speak. Another one.")
        await context.finish()
        async for event in context:
            if isinstance(event, Audio) and event.chunk_index == 1:
                break
        report = await context.cancel()
    assert (report.played_s > 0) is heard
    assert report.audio_sent_s > 0
