"""TLS, keepalive, and what the channel is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import grpc
import pytest
import trustme

from barkstream_client import Connection, SpeechClient, UnavailableError
from barkstream_client.testing import FakeSpeechServer

SERVER = """
import asyncio
from barkstream_client.testing import FakeSpeechServer

async def main():
    server = FakeSpeechServer()
    await server.start()
    server.gate.close()
    server.gate.allow(1)
    print(server.target, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def server_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


async def test_a_server_that_froze_is_noticed(
    server_process: tuple[subprocess.Popen[str], str],
) -> None:
    process, target = server_process
    async with SpeechClient.connect(target, keepalive_s=0.2, keepalive_timeout_s=0.2) as client:
        audio = client.stream("Hello there.").audio()
        await anext(audio)
        os.kill(process.pid, signal.SIGSTOP)  # The kernel goes on acknowledging its packets.
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(anext(audio), 60)


async def test_all_calls_share_one_connection() -> None:
    connections: list[asyncio.Future[None]] = []

    async with FakeSpeechServer() as server:
        host, port = server.target.rsplit(":", 1)

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            over = asyncio.get_running_loop().create_future()
            connections.append(over)
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            # An end may be reset instead of closed: what matters here is that it is over.
            both = (_copy(reader, far_writer), _copy(far_reader, writer))
            await asyncio.gather(*both, return_exceptions=True)
            over.set_result(None)

        async with await asyncio.start_server(carry, "127.0.0.1", 0) as proxy:
            near = proxy.sockets[0].getsockname()[1]
            async with SpeechClient.connect(f"127.0.0.1:{near}") as client:
                for _ in range(3):
                    await client.synthesize("Hello.")
                await asyncio.gather(*(client.synthesize("Hello.") for _ in range(8)))
                async with client.session():
                    await client.list_voices()
            # A transport that outlives the event loop warns, in whichever test comes next.
            await asyncio.wait_for(asyncio.gather(*connections), 60)
    assert len(connections) == 1


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_server_that_was_killed_is_noticed(
    server_process: tuple[subprocess.Popen[str], str],
) -> None:
    process, target = server_process
    async with SpeechClient.connect(target) as client, client.session() as session:
        context = session.context()
        await context.append("Hello there. ")
        await anext(context.audio())
        process.kill()
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(anext(context.audio()), 60)


async def test_tls() -> None:
    authority = trustme.CA()
    cert = authority.cert_pem.bytes()
    own_cert = authority.issue_cert("127.0.0.1")
    key, chain = own_cert.private_key_pem.bytes(), own_cert.cert_chain_pems[0].bytes()
    credentials = grpc.ssl_server_credentials([(key, chain)])
    async with FakeSpeechServer(credentials=credentials) as server:
        async with SpeechClient.connect(server.target, root_certificates=cert) as client:
            assert (await client.synthesize("Hi.")).audio
        own = grpc.ssl_channel_credentials(cert)
        async with SpeechClient.connect(server.target, credentials=own) as client:
            assert (await client.synthesize("Hi.")).audio
        # The system's authorities never heard of this server; plain text is no TLS.
        for tls in (True, False):
            async with SpeechClient.connect(server.target, tls=tls) as client:
                with pytest.raises(UnavailableError):
                    await client.synthesize("Hi.", timeout_s=30)


def test_channel_arguments() -> None:
    connection = Connection.to(
        "host:1",
        keepalive_s=7,
        keepalive_timeout_s=3,
        channel_options={"grpc.http2.bdp_probe": 1, "mine": "x"},
    )
    arguments = dict(connection.channel_options)
    assert arguments["grpc.keepalive_time_ms"] == 7_000
    assert arguments["grpc.keepalive_timeout_ms"] == 3_000
    assert arguments["grpc.http2.bdp_probe"] == 1  # The caller wins.
    assert arguments["mine"] == "x"
    # There is a key of almost this name that gRPC ignores.
    assert not any("recv_ping" in name for name in arguments)
    assert connection.credentials is None


def test_sessions_are_never_retried() -> None:
    arguments = dict(Connection.to("host:1").channel_options)
    config = json.loads(str(arguments["grpc.service_config"]))
    (method_config,) = config["methodConfig"]
    names = [(name["service"], name.get("method")) for name in method_config["name"]]
    assert ("barkstream.v1.SpeechService", "Synthesize") in names
    assert not any(
        service.endswith("SpeechService") and method in (None, "Converse")
        for service, method in names
    )
    assert method_config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
