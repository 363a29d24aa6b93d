"""Where the server is and how to reach it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc
import grpc.aio

ChannelOption = tuple[str, str | int]
Metadata = tuple[tuple[str, str | bytes], ...]

# A long text at 48 kHz float32 answers with tens of megabytes at once.
MAX_ANSWER_BYTES = 256 << 20

# Retries happen only before anything came back (gRFC A6: a call is committed by its first header),
# so no audio is ever heard twice. Sessions carry state and are never retried.
_RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [
                    {"service": "barkstream.v1.SpeechService", "method": "Synthesize"},
                    {"service": "barkstream.v1.SpeechService", "method": "StreamSynthesize"},
                    {"service": "barkstream.v1.VoiceService"},
                    {"service": "barkstream.v1.ServerService"},
                ],
                "retryPolicy": _RETRY_POLICY,
            }
        ]
    }
)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server.

    Attributes:
        target: "host:port" or any other gRPC target.
        credentials: None: no TLS.
        metadata: Sent with every call, such as (("authorization", "Bearer ..."),).
        keepalive_s: Ping after this long without a message while a call is open; a server that
            vanished without a word is noticed one ``keepalive_timeout_s`` later.
        keepalive_timeout_s: How long to wait for the answer to a ping.
        channel_options: Further gRPC channel arguments; they win over the ones made here.
    """

    target: str
    credentials: grpc.ChannelCredentials | None = None
    metadata: Metadata = ()
    keepalive_s: float = 20.0
    keepalive_timeout_s: float = 10.0
    channel_options: Mapping[str, str | int] = field(default_factory=dict)

    def options(self) -> list[ChannelOption]:
        """The channel arguments."""
        defaults: dict[str, str | int] = {
            "grpc.keepalive_time_ms": round(self.keepalive_s * 1e3),
            "grpc.keepalive_timeout_ms": round(self.keepalive_timeout_s * 1e3),
            # A session may be silent for minutes while its caller thinks: go on pinging, as often
            # as asked for.
            "grpc.http2.max_pings_without_data": 0,
            # Audio is made in real time: a large window only lets the server run ahead of a reader
            # that has stopped reading.
            "grpc.http2.bdp_probe": 0,
            "grpc.max_receive_message_length": MAX_ANSWER_BYTES,
            "grpc.enable_retries": 1,
            "grpc.service_config": _SERVICE_CONFIG,
        }
        return list((defaults | dict(self.channel_options)).items())

    def open(self) -> grpc.aio.Channel:
        """A channel of the running event loop. It connects with the first call."""
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, self.options())
        return grpc.aio.secure_channel(self.target, self.credentials, self.options())
