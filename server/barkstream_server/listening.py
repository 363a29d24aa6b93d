"""The gRPC server object: options, credentials, port."""

from __future__ import annotations

from pathlib import Path

import grpc

from bark_core.errors import ConfigError, SetupError
from barkstream_server.config import ServerConfig


def grpc_options(config: ServerConfig) -> list[tuple[str, int]]:
    """Channel arguments of the server."""
    return [
        # Two servers on one port would silently share its connections.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", config.max_message_bytes),
        # Unary answers hold the audio of a whole text.
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", config.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", 2 * config.max_metadata_bytes),
        ("grpc.max_concurrent_streams", config.max_streams_per_connection),
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.keepalive_time_ms", round(config.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", round(config.keepalive_timeout_s * 1000)),
        # A caller that is frozen while its kernel acknowledges packets is noticed by this one only;
        # its default is a minute.
        ("grpc.http2.ping_timeout_ms", round(config.keepalive_timeout_s * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        # Voice bots ping quiet sessions every 10 s or so; the default of 5 min cuts them. The
        # often seen spelling with "recv" in it has no effect.
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_ping_strikes", 3),
        ("grpc.max_connection_idle_ms", round(config.connection_idle_s * 1000)),
    ]


def bind(server: grpc.aio.Server, config: ServerConfig) -> int:
    """Open the port; returns its number (0 for a unix socket).

    Raises:
        SetupError: The address is in use, not ours or malformed.
        ConfigError: A certificate file is unreadable or no certificate.
    """
    credentials = _credentials(config)
    try:
        if credentials is None:
            port = server.add_insecure_port(config.listen)
        else:
            port = server.add_secure_port(config.listen, credentials)
    except RuntimeError as error:
        raise SetupError(
            f"cannot listen on {config.listen}: is the port in use, and is the address one of this "
            "machine? Choose another with --listen HOST:PORT (port 0 takes a free one); "
            "with TLS check the certificate and key",
            reason="LISTEN_FAILED",
        ) from error
    return int(port)


def _credentials(config: ServerConfig) -> grpc.ServerCredentials | None:
    if config.tls_cert is None or config.tls_key is None:
        return None
    certificate = _pem(config.tls_cert, "tls_cert", "CERTIFICATE")
    key = _pem(config.tls_key, "tls_key", "PRIVATE KEY")
    authority = None
    if config.tls_client_ca is not None:
        authority = _pem(config.tls_client_ca, "tls_client_ca", "CERTIFICATE")
    return grpc.ssl_server_credentials(
        [(key, certificate)],
        root_certificates=authority,
        require_client_auth=authority is not None,
    )


def _pem(path: Path, name: str, kind: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {name} {path}: {error.strerror}") from error
    if f"{kind}-----".encode() not in content:
        raise ConfigError(f"{name} {path} holds no PEM block of kind {kind}")
    return content
