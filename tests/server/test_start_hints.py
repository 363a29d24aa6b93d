"""Start hints through a real server and a real client, on a back end that is too slow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bark_core.backends.fake import Cost, FakeScript
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import EngineLimits
from bark_core.engine.thread import ThreadEngine
from barkstream_client import Audio, Completed, Progress, SpeechClient, SpeechEvent, Started
from barkstream_client.playback import PlaybackBuffer
from tests.support.gated import GatedBackend, gated_fake
from tests.support.serving import SENTENCE, served


def slow(window_s: float) -> FakeScript:
    """Each chunk (of 0.27, 0.4 and 0.53 s) takes so long at least, however quick the machine."""
    return FakeScript(lengths=(60,), costs=(("FinePass", Cost(window_s)),))


@asynccontextmanager
async def slow_client(window_s: float = 0.4) -> AsyncIterator[tuple[SpeechClient, GatedBackend]]:
    checkpoint = open_checkpoint("noise")
    gate = gated_fake(checkpoint, script=slow(window_s))
    engine = ThreadEngine(lambda: gate, checkpoint.config, EngineLimits())
    async with served(lambda: engine) as target:
        try:
            async with SpeechClient.connect(target.server.address) as client:
                yield client, gate
        finally:
            gate.release()


async def events_of(client: SpeechClient, *, honours: bool) -> list[SpeechEvent]:
    stream = client.stream(SENTENCE, seed=7, honours_start_hint=honours)
    return [event async for event in stream]


async def test_a_player_that_honours_hints_is_told_until_it_may_start() -> None:
    async with slow_client() as (client, _):
        events = await events_of(client, honours=True)
    started = events[0]
    assert isinstance(started, Started)
    assert started.options["honours_start_hint"] is True
    audio = [event for event in events if isinstance(event, Audio)]
    first = audio[0].start_hint
    assert first is not None
    assert first.buffer_s > audio[0].sample_count / 24_000
    assert first.expected_wait_s > 0.3
    assert first.expected_audio_s > 0.2
    # It starts before the end is known to it, and is told nothing afterwards.
    player = PlaybackBuffer(24_000, None, 60.0)
    unheard_hints = 0
    for event in events:
        if isinstance(event, Audio | Progress) and event.start_hint is not None:
            unheard_hints += player.playing
            player.hint(event.start_hint.buffer_s)
        if isinstance(event, Audio):
            player.feed(event.pcm())
            player.take(1)
    assert player.playing
    assert unheard_hints == 0
    assert player.underruns == 0


async def test_one_that_does_not_is_told_when_it_has_nothing_to_play() -> None:
    async with slow_client() as (client, _):
        events = await events_of(client, honours=False)
    hints = [event.start_hint for event in events if isinstance(event, Audio)]
    assert hints[0] is not None
    assert isinstance(events[-1], Completed)


async def test_for_one_that_does_not_the_server_waits_if_it_may() -> None:
    # The third chunk comes 1.6 s after the first, which lasts 0.67 s with the second: the server
    # waits for 0.93 s, and so has the second.
    async with slow_client(0.8) as (client, _):
        sent = [e async for e in client.stream(SENTENCE, seed=7) if isinstance(e, Audio)]
        kept = [
            e async for e in client.stream(SENTENCE, seed=7, max_hold_s=10) if isinstance(e, Audio)
        ]
    assert kept[0].start_hint is not None
    assert kept[0].start_hint.expected_wait_s == 0
    assert kept[0].sample_count > sent[0].sample_count
    assert b"".join(e.data for e in kept) == b"".join(e.data for e in sent)


@pytest.mark.parametrize("honours", [True, False])
async def test_an_interruption_while_it_waits_reports_nothing_heard(*, honours: bool) -> None:
    async with slow_client() as (client, gate), client.session() as session:
        context = session.context(honours_start_hint=honours)
        await context.append(SENTENCE)
        await context.finish()
        async for event in context:
            if isinstance(event, Audio):
                gate.hold("FinePass")
                break
        report = await context.cancel()
    assert report.audio_sent_s > 0
    assert not report.played_reported
    if honours:
        assert report.played_s == 0
        assert report.text_spoken == ""
        assert report.text_remaining == SENTENCE
    else:
        assert report.played_s > 0


async def test_text_that_pauses_is_heard_without_waiting_for_what_nobody_wrote() -> None:
    async with slow_client() as (client, _), client.session() as session:
        context = session.context(honours_start_hint=True)
        await context.append(SENTENCE)
        await context.flush("so far")
        player = PlaybackBuffer(24_000, None, 60.0)
        async for event in context:
            if isinstance(event, Audio | Progress) and event.start_hint is not None:
                player.hint(event.start_hint.buffer_s)
            if isinstance(event, Audio):
                player.feed(event.pcm())
            player.take(1)
            # The context is not finished, and nothing tells the player so.
            if player.playing:
                break
        assert player.playing
