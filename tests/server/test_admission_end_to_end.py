"""Places, lines, refusals and tenants through a real server. The model is a fake, a slow one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from bark_core.backends.base import BackendLimits
from bark_core.backends.fake import Cost, FakeBackend, FakeScript
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import EngineLimits
from bark_core.engine.thread import ThreadEngine
from bark_core.errors import CapacityError, ConfigError
from barkstream.v1 import server_service_pb2
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.tenants import Tenants
from tests.support.serving import SENTENCE, conversation, eventually, failure, kinds, served

# So slow that one listener is all that can be fed: a second one has to wait.
SLOW = (("SemanticStep", Cost(0.002, 0.002)), ("CoarseStep", Cost(0.001, 0.001)))


def slow_engine(**bounds: Any) -> ThreadEngine:
    config = open_checkpoint("noise").config
    limits = EngineLimits(measured_places=True, **bounds)
    script = FakeScript(costs=SLOW, lengths=(150,))
    return ThreadEngine(
        lambda: FakeBackend(config, BackendLimits(4, 1, 1, 1, 1), script), config, limits
    )


async def test_who_waits_is_told_so_and_is_spoken_to_in_the_end() -> None:
    async with (
        served(lambda: slow_engine(max_wait_s=60.0)) as target,
        conversation(target) as first,
        conversation(target) as second,
    ):
        for talk in (first, second):
            await talk.append("a", SENTENCE)
            await talk.finish("a")
        await first.until("audio")
        told = await second.until("queued")
        assert kinds(told) == ["context_started", "queued"], "and no audio before it"
        assert told[-1].queued.position == 1
        assert told[-1].queued.HasField("estimated_wait")
        load = await _load(target)
        assert (load.places, load.in_line) == (1, 1)
        assert kinds(await second.until("completed"))[-1] == "completed"


async def test_who_would_wait_too_long_is_refused_at_once_with_a_true_delay() -> None:
    async with served(lambda: slow_engine(max_wait_s=0.0)) as target, conversation(target) as talk:
        await talk.append("a", SENTENCE)
        await talk.finish("a")
        await eventually(lambda: target.engine.load().wait_s > 0)
        request = pb.StreamSynthesizeRequest(text=SENTENCE)
        status = await failure(target.speech.StreamSynthesize(request))
        assert status.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert status.reason == "WAIT_TOO_LONG"
        assert status.retry_s is not None
        load = await _load(target)
        assert dict(load.refusals_by_reason) == {"WAIT_TOO_LONG": 1}
        await talk.until("completed")


async def test_a_deadline_that_cannot_be_met_is_refused_on_arrival() -> None:
    async with served(lambda: slow_engine(max_wait_s=60.0)) as target, conversation(target) as talk:
        await talk.append("a", SENTENCE)
        await talk.finish("a")
        await eventually(lambda: target.engine.load().wait_s > 0)
        request = pb.SynthesizeRequest(text=SENTENCE)
        status = await failure(target.speech.Synthesize(request, timeout=0.5))
        assert status.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert status.reason == "DEADLINE_TOO_SHORT"
        talk.cancel()


async def test_a_tenant_has_no_more_than_it_may(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text('[small]\nmax_utterances = 1\npriority = "low"\n[none]\nmax_sessions = 0\n')
    async with served(tenants=path) as target:
        assert target.gate is not None
        target.gate.hold("SemanticStep")
        as_small = (("x-barkstream-tenant", "small"),)
        request = pb.StreamSynthesizeRequest(text=SENTENCE)
        first = target.speech.StreamSynthesize(request, metadata=as_small)
        events = aiter(first)
        await anext(events)
        status = await failure(target.speech.StreamSynthesize(request, metadata=as_small))
        assert status.reason == "TENANT_UTTERANCE_LIMIT"
        assert "max_utterances" in status.message
        none = (("x-barkstream-tenant", "none"),)
        status = await failure(target.speech.StreamSynthesize(request, metadata=none))
        assert status.reason == "TENANT_SESSION_LIMIT"
        target.gate.release()
        assert [message async for message in events][-1].WhichOneof("event") == "completed"
        assert await target.speech.Synthesize(
            pb.SynthesizeRequest(text=SENTENCE), metadata=as_small
        ), "its place is free again"


def test_unknown_tenants_are_one_together(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text("[default]\nmax_sessions = 1\n[known]\n")
    tenants = Tenants.load(path)
    tenants.of("anybody").enter()
    with pytest.raises(CapacityError):
        tenants.of("anybody else").enter()
    tenants.of("known").enter()
    tenants.of("").leave()
    tenants.of("anybody else").enter()


@pytest.mark.parametrize(
    "text",
    ["[a]\npriority = 'highest'", "[a]\nmax_sessions = -1", "[a]\nmax_sesions = 1", "a = 1", "["],
)
def test_a_file_that_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"tenants\.toml"):
        Tenants.load(path)


async def _load(target: Any) -> Any:
    async with asyncio.timeout(30):
        async for load in target.info.WatchLoad(server_service_pb2.WatchLoadRequest()):
            return load
    raise AssertionError
