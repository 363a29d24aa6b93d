"""Where the server is and how to reach it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict, Unpack

import grpc
import grpc.aio

from barkstream_client.errors import OptionError

ChannelOption = tuple[str, str | int]
MakeMetadata = Callable[[], Mapping[str, str]]

# A long text at 48 kHz float32 answers with tens of megabytes at once.
MAX_ANSWER_BYTES = 256 << 20

# What HTTP/2 headers may hold, but for "-bin" keys.
_METADATA_KEY = re.compile(r"(?!grpc-)[0-9a-z_.-]+(?<!-bin)")
_METADATA_VALUE = re.compile(r"[\x20-\x7e]*")

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


class ConnectionOptions(TypedDict, total=False):
    """What ``connect`` may be told.

    Attributes:
        tls: Encrypt, trusting the system's certificate authorities. Default: no.
        root_certificates: PEM of the authorities to trust instead; implies ``tls``.
        credentials: gRPC channel credentials, for anything else (mutual TLS, say).
        metadata: Sent with every call, such as {"authorization": "Bearer ..."}; or a function that
            is asked before each call, for tokens that expire and for ``traceparent``.
        keepalive_s: Ping after this long without a message while a call is open; a server that
            vanished without a word is noticed one ``keepalive_timeout_s`` later. Default 20.
        keepalive_timeout_s: How long to wait for the answer to a ping. Default 10.
        channel_options: Further gRPC channel arguments; they win over the client's own.
    """

    tls: bool
    root_certificates: bytes | None
    credentials: grpc.ChannelCredentials | None
    metadata: Mapping[str, str] | MakeMetadata
    keepalive_s: float
    keepalive_timeout_s: float
    channel_options: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a server. Made by ``to``.

    Attributes:
        target: "host:port" or any other gRPC target.
        credentials: None: no TLS.
        make_metadata: What to send with the call that is about to be made.
        channel_options: gRPC channel arguments.
    """

    target: str
    credentials: grpc.ChannelCredentials | None
    make_metadata: MakeMetadata
    channel_options: tuple[ChannelOption, ...]

    @classmethod
    def to(cls, target: str, **options: Unpack[ConnectionOptions]) -> Connection:
        """The connection to a target.

        Raises:
            OptionError: Metadata that cannot be sent.
        """
        credentials, roots = options.get("credentials"), options.get("root_certificates")
        if credentials is None and (options.get("tls", False) or roots is not None):
            credentials = grpc.ssl_channel_credentials(roots)
        timeout_ms = round(options.get("keepalive_timeout_s", 10.0) * 1e3)
        arguments: dict[str, str | int] = {
            "grpc.keepalive_time_ms": round(options.get("keepalive_s", 20.0) * 1e3),
            "grpc.keepalive_timeout_ms": timeout_ms,
            # keepalive_timeout_ms alone only sees a silent network: a server that is frozen while
            # its kernel acknowledges packets is noticed by this one, whose default is a minute.
            "grpc.http2.ping_timeout_ms": timeout_ms,
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
        arguments |= dict(options.get("channel_options", {}))
        given = options.get("metadata", {})
        if callable(given):
            make_metadata = given
        else:
            fixed = dict(given)
            _checked(fixed)
            make_metadata = fixed.copy
        return cls(target, credentials, make_metadata, tuple(arguments.items()))

    def metadata(self) -> grpc.aio.Metadata:
        """Of the next call.

        Raises:
            OptionError: It cannot be sent.
        """
        return _checked(self.make_metadata())

    def open(self) -> grpc.aio.Channel:
        """A channel of the running event loop. It connects with the first call."""
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, self.channel_options)
        return grpc.aio.secure_channel(self.target, self.credentials, self.channel_options)


def _checked(metadata: Mapping[str, str]) -> grpc.aio.Metadata:
    for key, value in metadata.items():
        if not (_METADATA_KEY.fullmatch(key) and _METADATA_VALUE.fullmatch(value)):
            raise OptionError(
                f"metadata {key!r} cannot be sent: keys are lower-case letters, digits, '-', "
                "'_' and '.', values printable ASCII"
            )
    return grpc.aio.Metadata(*metadata.items())
