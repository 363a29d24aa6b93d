"""Health over the life of a server, reflection, and the services about the server itself."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import Engine
from bark_core.engine.thread import ThreadEngine
from barkstream.v1 import server_service_pb2, voice_service_pb2
from barkstream.v1 import speech_service_pb2 as pb
from tests.support.gated import gated_fake
from tests.support.serving import (
    PATIENCE_S,
    SENTENCE,
    Conversation,
    Served,
    conversation,
    failure,
    served,
)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = [
    "",
    "barkstream.v1.SpeechService",
    "barkstream.v1.VoiceService",
    "barkstream.v1.ServerService",
]


def _health(target: Served) -> Any:
    stub: Any = health_pb2_grpc.HealthStub
    return stub(target.channel)


async def _check(target: Served, service: str = "") -> int:
    answer = await _health(target).Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


async def _next(watch: Any) -> int:
    async with asyncio.timeout(PATIENCE_S):
        return int((await watch.read()).status)


async def test_health_over_the_life_of_a_server() -> None:
    may_load = threading.Event()
    checkpoint = open_checkpoint("noise")

    def slow_engine() -> Engine:
        def load() -> Any:
            may_load.wait(PATIENCE_S)
            return gated_fake(checkpoint)

        return ThreadEngine(load, checkpoint.config)

    async with served(slow_engine, load=False) as target:
        watch = _health(target).Watch(health_pb2.HealthCheckRequest())
        assert await _next(watch) == NOT_SERVING
        loading = asyncio.ensure_future(target.server.load())
        await _all_speech_is_refused(target, "WARMING_UP")
        # What needs no model is answered.
        about = await target.info.GetServerInfo(server_service_pb2.GetServerInfoRequest())
        assert about.model.name == "noise"
        assert not about.model.backend
        may_load.set()
        await loading
        assert await _next(watch) == SERVING
        for service in SERVICES:
            assert await _check(target, service) == SERVING
        await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))
        await target.server.drain()
        assert await _next(watch) == NOT_SERVING
        for service in SERVICES:
            assert await _check(target, service) == NOT_SERVING
        await _all_speech_is_refused(target, "DRAINING")


async def _all_speech_is_refused(target: Served, reason: str) -> None:
    session = Conversation(target.speech.Converse())
    await session.send(open=pb.OpenSession())
    for status in (
        await failure(target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))),
        await failure(target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=SENTENCE))),
        await session.failure(),
    ):
        assert status.code is grpc.StatusCode.UNAVAILABLE
        assert status.reason == reason
        assert status.retry_s is not None


async def test_an_unknown_service_is_not_found_and_watched_as_unknown() -> None:
    async with served() as target:
        status = await failure(
            _health(target).Check(health_pb2.HealthCheckRequest(service="nobody"))
        )
        assert status.code is grpc.StatusCode.NOT_FOUND
        watch = _health(target).Watch(health_pb2.HealthCheckRequest(service="nobody"))
        assert await _next(watch) == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


async def test_a_watcher_that_leaves_does_not_deafen_the_others() -> None:
    async with served() as target:
        leaving = _health(target).Watch(health_pb2.HealthCheckRequest())
        staying = _health(target).Watch(health_pb2.HealthCheckRequest())
        assert await _next(leaving) == await _next(staying) == SERVING
        leaving.cancel()
        await asyncio.sleep(0.05)
        await target.server.drain()
        assert await _next(staying) == NOT_SERVING


async def test_health_answers_while_every_place_is_taken() -> None:
    async with served(max_sessions=1) as target, conversation(target):
        assert await _check(target) == SERVING


def _reflect(target: Served) -> Any:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub
    return stub(target.channel).ServerReflectionInfo()


async def test_reflection_lists_all_services() -> None:
    async with served() as target:
        call = _reflect(target)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        names = {item.name for item in (await call.read()).list_services_response.service}
        assert names >= {*SERVICES[1:], "grpc.health.v1.Health"}
        request = reflection_pb2.ServerReflectionRequest(
            file_containing_symbol="barkstream.v1.SpeechService"
        )
        await call.write(request)
        assert (await call.read()).file_descriptor_response.file_descriptor_proto
        await call.done_writing()


async def test_reflection_can_be_turned_off() -> None:
    async with served(reflection=False) as target:
        assert await _reflect(target).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_server_describes_itself() -> None:
    async with served(slots=3, max_waiting=9, max_contexts_per_session=5) as target:
        about = await target.info.GetServerInfo(server_service_pb2.GetServerInfoRequest())
    assert about.version
    assert about.model.name == "noise"
    assert about.model.is_noise
    assert about.model.sample_rate_hz == 24_000
    assert about.model.backend == "fake"
    assert about.limits.slots == 3
    assert about.limits.max_waiting == 9
    assert about.limits.max_contexts_per_session == 5
    assert about.limits.max_synthesize_characters == 2_000
    assert about.limits.max_text_characters == 20_000
    assert about.limits.max_wait.ToSeconds() == 10
    assert len(about.encodings) == 6
    assert 0 not in about.encodings
    assert about.default_voice == "v2/en_speaker_0"


async def test_voices_come_in_pages() -> None:
    async with served() as target:
        everything = await target.voices.ListVoices(voice_service_pb2.ListVoicesRequest())
        names = [voice.name for voice in everything.voices]
        assert names == ["v2/en_speaker_0", "v2/en_speaker_1"]
        assert not everything.next_page_token
        assert [voice.is_default for voice in everything.voices] == [True, False]
        assert {voice.language_code for voice in everything.voices} == {"en"}
        seen, token = [], ""
        for _ in names:
            page = await target.voices.ListVoices(
                voice_service_pb2.ListVoicesRequest(page_size=1, page_token=token)
            )
            (voice,) = page.voices
            seen.append(voice.name)
            token = page.next_page_token
        assert seen == names
        assert not token
        none = await target.voices.ListVoices(
            voice_service_pb2.ListVoicesRequest(language_code="de", page_size=5000)
        )
        assert not none.voices


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (voice_service_pb2.ListVoicesRequest(page_size=-1), "page_size"),
        (voice_service_pb2.ListVoicesRequest(page_token="nonsense"), "page_token"),
        (voice_service_pb2.ListVoicesRequest(page_token="bm9uc2Vuc2U="), "page_token"),
    ],
)
async def test_bad_pages_are_refused(
    request_: voice_service_pb2.ListVoicesRequest, field: str
) -> None:
    async with served() as target:
        status = await failure(target.voices.ListVoices(request_))
        assert status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert status.field == field


async def test_one_voice_is_described_by_any_of_its_names() -> None:
    async with served(default_voice="en_speaker_1") as target:
        for name in ("v2/en_speaker_1", "en_speaker_1"):
            answer = await target.voices.GetVoice(voice_service_pb2.GetVoiceRequest(name=name))
            assert answer.voice.name == "v2/en_speaker_1"
            assert answer.voice.is_default
            assert answer.voice.semantic_tokens == 300
            assert answer.voice.codec_frames > 0
        status = await failure(
            target.voices.GetVoice(voice_service_pb2.GetVoiceRequest(name="nobody"))
        )
        assert status.code is grpc.StatusCode.NOT_FOUND
        assert status.resource == "nobody"
        status = await failure(target.voices.GetVoice(voice_service_pb2.GetVoiceRequest()))
        assert status.field == "name"
