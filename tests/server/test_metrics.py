"""The metrics that Prometheus finds, over HTTP, of a server that has served."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.request
from pathlib import Path

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bark_core.engine.interface import EngineLoad
from bark_core.errors import SetupError
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.metrics import Gauges, ServerMetrics
from tests.support.serving import PATIENCE_S, SENTENCE, Served, conversation, eventually, served

ANYWHERE = "127.0.0.1:0"
DOCS = Path(__file__).resolve().parents[2] / "docs"
NAME = "/barkstream.v1.SpeechService/Synthesize"


async def samples(target: Served) -> dict[tuple[str, ...], float]:
    """Values by name and the values of the labels, in the order of the labels' names."""

    def fetch() -> str:
        address = target.server.metrics_address
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            text: bytes = answer.read()
        return text.decode()

    text = await asyncio.to_thread(fetch)
    assert SENTENCE.split()[0] not in text, "a caller's text"
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_was_served_is_counted() -> None:
    async with served(metrics_listen=ANYWHERE, slots=3) as target:
        before = await samples(target)
        assert before["barkstream_serving",] == 1
        assert before["barkstream_slots",] == 3
        assert before["barkstream_utterances_total",] == 0
        answer = await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE * 2))
        with pytest.raises(grpc.aio.AioRpcError):
            await target.speech.Synthesize(pb.SynthesizeRequest(text=" "))
        refused = ("barkstream_calls_total", "INVALID_ARGUMENT", NAME, "TEXT_EMPTY")
        async with asyncio.timeout(PATIENCE_S):  # a call is counted just after its last message
            while refused not in (after := await samples(target)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert after[refused] == 1
    assert after["barkstream_calls_total", "OK", NAME, ""] == 1
    assert after["barkstream_first_audio_seconds_count", NAME] == 1
    assert after["barkstream_utterances_total",] == answer.usage.utterances
    rate_hz = answer.audio_format.sample_rate_hz
    made_s = answer.usage.samples / rate_hz
    assert after["barkstream_audio_seconds_total", NAME] == pytest.approx(made_s)
    assert after["barkstream_stage_seconds_total", "semantic"] > 0
    assert after["barkstream_underruns_total",] == 0


async def test_what_is_going_on_is_shown() -> None:
    async with served(metrics_listen=ANYWHERE) as target, conversation(target) as talk:
        assert target.gate is not None
        target.gate.hold("SemanticStep")
        await talk.append("a", SENTENCE)
        await talk.finish("a")
        await eventually(lambda: target.engine.load().running == 1)
        now = await samples(target)
        assert now["barkstream_sessions",] == 1
        assert now["barkstream_utterances_running",] == 1
        target.gate.release()
        await talk.until("completed")


async def test_batches_waits_and_leads_are_the_engine_s() -> None:
    async with served(metrics_listen=ANYWHERE) as target:
        answer = await target.speech.Synthesize(pb.SynthesizeRequest(text=SENTENCE))
        await target.engine_idle()
        after = await samples(target)
    assert after["barkstream_queued_seconds_count",] == 1
    tokens = answer.usage.semantic_tokens
    assert after["barkstream_batch_rows_count", "semantic_prefill"] == 1
    steps = after["barkstream_batch_rows_sum", "semantic"]
    assert tokens - 1 <= steps <= tokens + 1, "one row each, the end token included or not"
    assert after["barkstream_batch_rows_bucket", "1.0", "semantic"] == steps, "it was alone"
    assert after["barkstream_batch_rows_bucket", "+Inf", "semantic"] == steps
    assert after["barkstream_batch_seconds_count", "semantic"] == steps
    assert after["barkstream_batch_seconds_sum", "semantic"] == pytest.approx(
        after["barkstream_stage_seconds_total", "semantic"]
    ), "of one utterance alone both are the same"
    pieces = after["barkstream_batch_rows_count", "codec"]
    assert after["barkstream_lead_seconds_count",] == pieces - 1 > 0, "all but the first"


async def test_a_server_that_warms_up_or_drains_does_not_serve() -> None:
    async with served(metrics_listen=ANYWHERE, load=False) as target:
        assert (await samples(target))["barkstream_serving",] == 0
        await target.server.load()
        assert (await samples(target))["barkstream_serving",] == 1
        await target.server.drain()
        assert (await samples(target))["barkstream_serving",] == 0


async def test_nothing_listens_unless_asked_to_and_nothing_is_left() -> None:
    async with served() as target:
        assert target.server.metrics_address is None
    async with served(metrics_listen=ANYWHERE) as target:
        host, _, port = str(target.server.metrics_address).rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


@pytest.mark.parametrize("address", ["127.0.0.1", "nowhere.invalid:x", "127.0.0.1:70000", "taken"])
async def test_an_address_that_cannot_be_taken_is_an_error(address: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(SetupError, match="metrics-listen"):
            async with served(metrics_listen=taken if address == "taken" else address):
                pass


def existing() -> dict[str, str]:
    """Kinds of all metrics by their documented names."""
    gauges = Gauges(lambda: EngineLoad(0, 0, 0, None), lambda: 0, lambda: True)
    families = ServerMetrics(gauges).registry.collect()
    suffix = {"counter": "_total"}
    return {family.name + suffix.get(family.type, ""): family.type for family in families}


def test_the_documented_metrics_are_those_there_are() -> None:
    text = (DOCS / "operating.md").read_text()
    documented = re.findall(r"^\| `(barkstream_\w+)` \| (\w+) \|", text, re.MULTILINE)
    assert dict(documented) == existing()


def test_the_dashboard_shows_all_of_them() -> None:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    shown = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            shown.update(re.findall(r"barkstream_\w+", target["expr"]))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in shown} == set(existing())
