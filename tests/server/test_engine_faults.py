"""The engine raises, dies or hangs under a server that goes on."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bark_core.backends.fake.script import Cost, Effect, FakeScript, Fault
from bark_core.checkpoints import Checkpoint, open_checkpoint
from bark_core.engine.interface import Engine, EngineLimits
from bark_core.engine.process import ProcessEngine
from bark_core.engine.thread import ThreadEngine
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.cli import serve
from barkstream_server.config import ServerConfig
from tests.support.serving import (
    LONG_TEXT,
    PATIENCE_S,
    SENTENCE,
    Served,
    conversation,
    eventually,
    failure,
    fake_spec,
    kinds,
    rich_failure,
    served,
)

POISON = "xylophone"
# One step is slow enough that what goes wrong does so while calls are under way.
SLOW = (("SemanticStep", Cost(batch_s=0.01)),)


def _poison_id() -> int:
    return open_checkpoint("noise").tokenizer().encode(POISON)[0]


def _engine(kind: Any, *faults: Fault) -> Callable[[], Engine]:
    script = FakeScript(costs=SLOW, faults=faults)
    limits = EngineLimits(step_timeout_s=1.0)
    return lambda: kind(fake_spec(fake=script), open_checkpoint("noise").config, limits)


def _watch(target: Served) -> Any:
    stub: Any = health_pb2_grpc.HealthStub
    return stub(target.channel).Watch(health_pb2.HealthCheckRequest())


async def _health(watch: Any) -> str:
    async with asyncio.timeout(PATIENCE_S):
        answer = await watch.read()
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


async def test_an_utterance_that_breaks_the_model_fails_alone() -> None:
    fault = Fault(Effect.RAISE, batch="SemanticStep", text_id=_poison_id())
    async with served(_engine(ThreadEngine, fault)) as target:
        watch = _watch(target)
        assert await _health(watch) == "SERVING"
        good = [target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE)) for _ in range(3)]
        status = await failure(
            target.speech.Synthesize(pb.SynthesizeRequest(text=f"My {POISON} plays."))
        )
        assert status.code is grpc.StatusCode.INTERNAL
        assert "incident" in status.message
        for call in good:
            assert (await call).audio
        assert target.server.serving
        await target.settled()


async def test_a_failure_on_the_way_is_one_incident(caplog: pytest.LogCaptureFixture) -> None:
    fault = Fault(Effect.RAISE, batch="CoarseStep", text_id=_poison_id())
    async with served(_engine(ThreadEngine, fault)) as target:
        request = pb.StreamSynthesizeRequest(text=f"My {POISON} plays.")
        status = await failure(target.speech.StreamSynthesize(request))
    assert status.code is grpc.StatusCode.INTERNAL
    (incident,) = [vars(r)["fields"] for r in caplog.records if r.message == "incident"]
    assert incident["incident"] in status.message


async def test_a_failed_context_leaves_the_session_and_its_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fault = Fault(Effect.RAISE, batch="CoarseStep", text_id=_poison_id())
    async with served(_engine(ThreadEngine, fault)) as target, conversation(target) as talk:
        await talk.append("good", SENTENCE)
        await talk.append("bad", f"My {POISON} plays.")
        await talk.half_close()
        messages = await talk.rest()
        assert kinds(messages, "good")[-1] == "completed"
        assert kinds(messages, "bad")[-1] == "failed"
        (failed,) = [m.failed for m in messages if m.HasField("failed")]
        (incident,) = [vars(r)["fields"] for r in caplog.records if r.message == "incident"]
        assert incident["incident"] in rich_failure(failed).message
        assert await talk.code() is grpc.StatusCode.OK


async def _dies_and_comes_back(target: Served, kill: Callable[[], None]) -> None:
    """While two calls and a session are served, the engine goes; afterwards all is as before."""
    watch = _watch(target)
    assert await _health(watch) == "SERVING"
    async with conversation(target) as talk:
        await talk.append("a", LONG_TEXT)
        stream = target.speech.StreamSynthesize(pb.StreamSynthesizeRequest(text=LONG_TEXT))
        unary = target.speech.Synthesize(pb.SynthesizeRequest(text=LONG_TEXT))
        await eventually(lambda: target.engine.load().running >= 3)
        kill()
        for call in (stream, unary):
            status = await failure(call)
            assert status.code is grpc.StatusCode.UNAVAILABLE
            assert status.reason == "ENGINE_DIED"
            assert status.retry_s is not None
        failed = rich_failure((await talk.until("failed"))[-1].failed)
        assert failed.code is grpc.StatusCode.UNAVAILABLE
        assert await _health(watch) == "NOT_SERVING"
        assert await _health(watch) == "SERVING"
        # The session outlived it.
        await talk.append("b", SENTENCE)
        await talk.half_close()
        assert kinds(await talk.rest())[-1] == "completed"
    assert (await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))).audio
    await target.settled()


async def test_a_killed_engine_process_ends_its_calls_and_comes_back() -> None:
    async with served(_engine(ProcessEngine)) as target:
        (child,) = [
            child
            for child in multiprocessing.active_children()
            if child.name == "barkstream-engine"
        ]
        assert child.pid is not None
        pid = child.pid
        await _dies_and_comes_back(target, lambda: os.kill(pid, signal.SIGKILL))


async def test_a_hung_engine_process_ends_its_calls_and_comes_back() -> None:
    async with served(_engine(ProcessEngine)) as target:
        (child,) = [
            child
            for child in multiprocessing.active_children()
            if child.name == "barkstream-engine"
        ]
        assert child.pid is not None
        pid = child.pid
        await _dies_and_comes_back(target, lambda: os.kill(pid, signal.SIGSTOP))


async def test_speech_is_refused_as_unavailable_while_the_engine_is_down() -> None:
    async with served(_engine(ProcessEngine)) as target, conversation(target) as talk:
        (child,) = multiprocessing.active_children()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        await eventually(lambda: not target.server.serving)
        status = await failure(target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE)))
        assert status.code is grpc.StatusCode.UNAVAILABLE
        assert status.reason == "ENGINE_DIED"
        await talk.append("a", SENTENCE)
        refused = rich_failure((await talk.until("failed"))[-1].failed)
        assert refused.reason == "ENGINE_DIED"
        await eventually(lambda: target.server.serving)
        await talk.append("a", SENTENCE)
        await talk.half_close()
        assert kinds(await talk.rest())[-1] == "completed"


def test_a_server_whose_engine_is_lost_ends_so_that_it_can_be_started_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def doomed(config: ServerConfig, checkpoint: Checkpoint) -> Engine:
        limits = EngineLimits(restart_limit=0)
        return ProcessEngine(fake_spec(slots=config.slots), checkpoint.config, limits)

    monkeypatch.setattr(serve, "create_engine", doomed)
    config = ServerConfig(checkpoint="noise", listen="127.0.0.1:0", engine_down_s=0.2)

    async def run() -> int:
        serving = asyncio.ensure_future(serve.serve(config))
        await eventually(lambda: "listening on" in capsys.readouterr().out)
        (child,) = multiprocessing.active_children()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            return await serving

    assert asyncio.run(run()) == 1
    assert "the engine is lost" in capsys.readouterr().err
