"""``barkstream serve`` as a process: start, drain, stop, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from barkstream.v1 import speech_service_pb2 as pb
from barkstream.v1 import speech_service_pb2_grpc
from barkstream_server.cli import serve
from barkstream_server.cli.main import main
from tests.support.serving import (
    LONG_TEXT,
    PATIENCE_S,
    SENTENCE,
    Conversation,
    rich_status,
)

FAKE = ["--checkpoint", "noise", "--backend", "fake", "--listen", "127.0.0.1:0"]


class Process:
    """A running ``barkstream serve``."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.address = address
        self._process = process

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        """Exit code and log."""
        async with asyncio.timeout(PATIENCE_S):
            _, log = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, log.decode()


@asynccontextmanager
async def serving(*options: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "barkstream_server",
        "serve",
        *FAKE,
        "--log-format",
        "json",
        *options,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on 127.0.0.1:"), line
        yield Process(process, line.split()[-1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _stub(channel: grpc.aio.Channel) -> Any:
    stub: Any = speech_service_pb2_grpc.SpeechServiceStub
    return stub(channel)


def _watch(channel: grpc.aio.Channel) -> Any:
    stub: Any = health_pb2_grpc.HealthStub
    return stub(channel).Watch(health_pb2.HealthCheckRequest())


async def test_sigterm_lets_running_speech_finish_and_takes_no_more() -> None:
    async with serving("--grace-s", "20", "--max-lead-s", "8") as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            watch = _watch(channel)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            talk = Conversation(_stub(channel).Converse())
            await talk.send(open=pb.OpenSession())
            await talk.until("session_opened")
            # More than the lead allows at once: it still runs when the signal comes.
            await talk.append("a", " ".join(LONG_TEXT.split()[:25]) + ".")
            await talk.finish("a")
            await talk.until("audio")
            idle = Conversation(_stub(channel).Converse())
            await idle.send(open=pb.OpenSession())
            await idle.until("session_opened")
            server.signal()
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            draining = (await talk.until("draining"))[-1].draining
            assert draining.grace.seconds == 20
            # A session with nothing to say is closed at once, politely.
            status = await idle.failure()
            assert status.code is grpc.StatusCode.UNAVAILABLE
            assert status.reason == "DRAINING"
            # New speech is refused, in the old session and in new calls.
            await talk.append("b", SENTENCE)
            assert (await talk.until("failed"))[-1].context_id == "b"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _stub(channel).Synthesize(pb.SynthesizeRequest(text=SENTENCE))
            refused = rich_status(caught.value)
            assert refused.reason == "DRAINING"
            assert refused.retry_s is not None
            # What was running is spoken to its end.
            await talk.until("completed", "a")
            assert (await talk.failure()).reason == "DRAINING"
        code, log = await server.ended()
        assert code == 0
        events = [json.loads(line)["event"] for line in log.splitlines()]
        assert events.index("draining") < events.index("closed")


async def test_a_second_signal_stops_at_once() -> None:
    async with serving("--grace-s", "600", "--max-lead-s", "1") as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            talk = Conversation(_stub(channel).Converse())
            await talk.send(open=pb.OpenSession())
            await talk.append("a", LONG_TEXT)
            await talk.until("audio")
            server.signal(signal.SIGINT)
            await talk.until("draining")
            server.signal(signal.SIGTERM)
            status = await talk.failure()
            assert status.code is grpc.StatusCode.UNAVAILABLE
            assert status.reason == "DRAINING"
        assert (await server.ended())[0] == 0


async def test_when_the_grace_is_over_what_still_runs_is_told() -> None:
    async with serving("--grace-s", "0.3", "--max-lead-s", "1") as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            talk = Conversation(_stub(channel).Converse())
            await talk.send(open=pb.OpenSession())
            await talk.append("a", LONG_TEXT)
            await talk.until("audio")
            server.signal()
            status = await talk.failure()
            assert status.code is grpc.StatusCode.UNAVAILABLE
            assert status.retry_s is not None
        assert (await server.ended())[0] == 0


async def test_when_the_grace_is_over_a_stream_is_told_as_well() -> None:
    async with serving("--grace-s", "0.3") as server:
        async with grpc.aio.insecure_channel(server.address) as channel:
            config = pb.SpeechConfig(delivery={"max_lead": {"seconds": 1}})
            request = pb.StreamSynthesizeRequest(text=LONG_TEXT, config=config)
            stream = Conversation(_stub(channel).StreamSynthesize(request))
            heard = False
            while not heard:
                message = await stream.receive()
                heard = message is not None and message.HasField("audio")
            server.signal()
            status = await stream.failure()
            assert status.code is grpc.StatusCode.UNAVAILABLE
            assert status.reason == "DRAINING"
            assert status.retry_s is not None
        assert (await server.ended())[0] == 0


async def test_a_second_server_on_the_port_says_so_and_goes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, error = await _run("--listen", f"127.0.0.1:{port}")
    assert code == 78
    assert f"cannot listen on 127.0.0.1:{port}" in error


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--listen", "nonsense"], "cannot listen on nonsense"),
        (["--checkpoint", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--slots", "0"], "slots must be between 1 and 1024, got 0"),
        (["--slots", "many"], "--slots must be of type int"),
        (["--backend", "abacus"], "abacus"),
        (["--default-voice", "nobody"], "default_voice"),
        (["--voices-dir", "/nowhere"], "/nowhere"),
        (["--tls-cert", "/nowhere.pem"], "tls_cert and tls_key need each other"),
        (["--tls-cert", "/nowhere.pem", "--tls-key", "/no.pem"], "cannot read tls_cert"),
        (["--config", "/nowhere.toml"], "cannot read /nowhere.toml"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(
    options: list[str],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(serve, "configure_logging", lambda *_: None)
    code = main(["serve", *FAKE, *options])
    out, error = capsys.readouterr()
    assert code == 78
    assert out == ""
    lines = [line for line in error.splitlines() if line.startswith("barkstream: ")]
    assert len(lines) == 1
    assert text in lines[0]
    assert "Traceback" not in error


async def test_an_engine_that_cannot_start_ends_the_server() -> None:
    code, _, error = await _run("--backend", "torch", "--device", "cuda:99")
    assert code == 78
    assert "Traceback" not in error
    assert [line for line in error.splitlines() if line.startswith("barkstream: ")]


async def test_a_signal_while_loading_ends_the_server() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "barkstream_server",
        "serve",
        *FAKE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        while b"listening" not in (await process.stderr.readline()):
            pass
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def _run(*options: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "barkstream_server",
        "serve",
        *FAKE,
        *options,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


async def test_tls_and_client_certificates(tmp_path: Path) -> None:
    authority, key = _certificate(tmp_path, "authority")
    async with serving(
        *("--tls-cert", str(authority)),
        *("--tls-key", str(key)),
        *("--tls-client-ca", str(authority)),
    ) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        trusted = grpc.ssl_channel_credentials(
            authority.read_bytes(), key.read_bytes(), authority.read_bytes()
        )
        async with grpc.aio.secure_channel(address, trusted) as channel:
            assert (await _stub(channel).Synthesize(pb.SynthesizeRequest(text=SENTENCE))).audio
        stranger = grpc.ssl_channel_credentials(authority.read_bytes())
        async with grpc.aio.secure_channel(address, stranger) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _stub(channel).Synthesize(pb.SynthesizeRequest(text=SENTENCE))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        async with grpc.aio.insecure_channel(server.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _stub(channel).Synthesize(pb.SynthesizeRequest(text=SENTENCE))
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def _certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for localhost."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key
