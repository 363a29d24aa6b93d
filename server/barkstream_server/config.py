"""The one configuration of the server: a frozen dataclass, checked in one place.

Where the values come from (flags, environment, file) is the business of ``config_sources``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from bark_core.errors import ConfigError

UNBOUNDED = math.inf

_URL = re.compile(r"https?://[^/\s]+:\d{1,5}/?")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one field beside its type and default.

    Attributes:
        help: One sentence for ``barkstream serve --help``.
        low: Smallest number allowed.
        high: Largest number allowed.
        choices: The only strings allowed; empty: any.
    """

    help: str
    low: float = -UNBOUNDED
    high: float = UNBOUNDED
    choices: tuple[str, ...] = ()


def setting(text: str, **bounds: Any) -> dict[str, Setting]:
    """Metadata of a field; ``bounds`` are the other attributes of `Setting`."""
    return {"setting": Setting(text, **bounds)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Everything that ``barkstream serve`` can be told. Each field's help is its documentation.

    Raises:
        ConfigError: A value is out of range or two values contradict each other.
    """

    # The model.
    checkpoint: str = field(
        default="embedded",
        metadata=setting(
            "Model: 'embedded', 'noise', a directory, or a hub id such as suno/bark-small."
        ),
    )
    voices_dir: Path | None = field(
        default=None, metadata=setting("Directory with further voices (Suno .npz prompts).")
    )
    default_voice: str | None = field(
        default=None,
        metadata=setting(
            "Voice used when a caller names none; 'none': no voice. Default: the checkpoint's."
        ),
    )
    backend: str = field(
        default="auto",
        metadata=setting(
            "What runs the model: onnx (ONNX Runtime), torch, or auto: onnx on the CPU, else torch."
        ),
    )
    device: str = field(
        default="auto", metadata=setting("Where the model runs: auto, cpu, cuda, cuda:1, mps.")
    )
    dtype: str = field(
        default="auto",
        metadata=setting(
            "Precision: float32 (tokens of the reference); onnx: int8, int4; torch: bfloat16; auto "
            "(onnx: int8; torch: bfloat16 on GPUs that have it, else float32)."
        ),
    )
    threads: int | None = field(
        default=None,
        metadata=setting("CPU threads of the model, in all. Default: all CPUs.", low=1, high=1024),
    )
    engine: str = field(
        default="process",
        metadata=setting(
            "Run the model in a process of its own (contains crashes) or in a thread.",
            choices=("process", "thread"),
        ),
    )

    # How much at once.
    slots: int = field(default=4, metadata=setting("Utterances made at once.", low=1, high=1024))
    utterances_ahead: int = field(
        default=2,
        metadata=setting(
            "Utterances of one text in the engine at once; more than two are made together where "
            "the machine is slower than its listener and slots are free.",
            low=1,
            high=64,
        ),
    )
    max_waiting: int = field(
        default=64,
        metadata=setting(
            "Utterances that may wait for a slot before callers are refused.", low=0, high=100_000
        ),
    )
    admission: str = field(
        default="measured",
        metadata=setting(
            "Who may begin: as many as the measured costs of the model allow without anybody "
            "running dry (measured), or as many as there are slots (slots).",
            choices=("measured", "slots"),
        ),
    )
    max_wait_s: float = field(
        default=10.0,
        metadata=setting(
            "Longest wait for a place, in seconds; who might wait longer is refused at once.",
            low=0,
            high=3600,
        ),
    )
    headroom: float = field(
        default=0.25,
        metadata=setting(
            "Part of the machine's time that measured admission plans for nobody.", low=0, high=0.9
        ),
    )
    tenants: Path | None = field(
        default=None,
        metadata=setting("TOML file with priorities and limits of tenants. Default: no limits."),
    )
    max_sessions: int = field(
        default=256,
        metadata=setting(
            "Speech calls open at once before callers are refused.", low=1, high=100_000
        ),
    )
    max_contexts_per_session: int = field(
        default=8,
        metadata=setting("Contexts alive at once in one Converse session.", low=1, high=1024),
    )
    max_synthesize_characters: int = field(
        default=2_000,
        metadata=setting("Longest text of Synthesize, in code points.", low=1, high=20_000),
    )
    max_text_characters: int = field(
        default=20_000,
        metadata=setting(
            "Longest text of StreamSynthesize and of a context.", low=1, high=1_000_000
        ),
    )

    # Defaults of callers' options.
    latency_mode: str = field(
        default="low",
        metadata=setting(
            "Early audio (low) or tokens equal to the reference (exact).", choices=("low", "exact")
        ),
    )
    pause_s: float = field(
        default=0.15, metadata=setting("Silence between utterances, in seconds.", low=0, high=5)
    )
    max_lead_s: float = field(
        default=20.0,
        metadata=setting(
            "Audio sent ahead of playback in Converse, in seconds.", low=0.2, high=3600
        ),
    )
    max_hold_s: float = field(
        default=0.5,
        metadata=setting(
            "Audio is kept back so long at most where a player would run dry, in seconds.",
            low=0,
            high=10,
        ),
    )
    heartbeat_s: float = field(
        default=1.0,
        metadata=setting(
            "Longest silence of the server while it speaks, in seconds.", low=0.1, high=60
        ),
    )

    # The network.
    listen: str = field(
        default="127.0.0.1:50051",
        metadata=setting("Address: HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 takes a free one."),
    )
    tls_cert: Path | None = field(
        default=None, metadata=setting("Certificate chain (PEM); with --tls-key: TLS only.")
    )
    tls_key: Path | None = field(default=None, metadata=setting("Private key (PEM)."))
    tls_client_ca: Path | None = field(
        default=None, metadata=setting("Callers must show a certificate of this authority (PEM).")
    )
    reflection: bool = field(
        default=True, metadata=setting("Tell tools such as grpcurl what is served.")
    )
    max_message_bytes: int = field(
        default=262_144,
        metadata=setting("Largest message taken, in bytes.", low=1_024, high=2**31 - 1),
    )
    max_metadata_bytes: int = field(
        default=8_192,
        metadata=setting("Largest metadata of a call, in bytes.", low=1_024, high=2**20),
    )
    max_streams_per_connection: int = field(
        default=128, metadata=setting("Calls at once on one connection.", low=1, high=2**31 - 1)
    )
    keepalive_s: float = field(
        default=20.0,
        metadata=setting(
            "A silent connection is pinged after this many seconds.", low=1, high=7200
        ),
    )
    keepalive_timeout_s: float = field(
        default=10.0,
        metadata=setting(
            "A ping unanswered for this many seconds ends the connection.", low=0.1, high=600
        ),
    )
    connection_idle_s: float = field(
        default=300.0,
        metadata=setting(
            "A connection without calls is closed after this many seconds.", low=1, high=86_400
        ),
    )

    # Patience.
    first_message_timeout_s: float = field(
        default=10.0,
        metadata=setting(
            "Longest wait for the first message of a call, in seconds.", low=0.05, high=600
        ),
    )
    write_stall_timeout_s: float = field(
        default=30.0,
        metadata=setting(
            "A caller that reads nothing for this many seconds is dropped.", low=0.05, high=3600
        ),
    )
    grace_s: float = field(
        default=30.0,
        metadata=setting(
            "On SIGTERM running speech may finish for this many seconds.", low=0, high=3600
        ),
    )

    engine_down_s: float = field(
        default=330.0,
        metadata=setting(
            "A server whose engine stays down for this many seconds ends with exit code 1.",
            low=0.1,
            high=86_400,
        ),
    )

    # For the operator.
    metrics_listen: str | None = field(
        default=None,
        metadata=setting(
            "HOST:PORT where Prometheus finds the metrics (plain HTTP). Default: nowhere."
        ),
    )
    otlp_endpoint: str | None = field(
        default=None,
        metadata=setting(
            "http(s)://HOST:PORT of an OpenTelemetry collector that takes traces by gRPC (port "
            "4317). Default: OTEL_EXPORTER_OTLP_ENDPOINT, or no traces."
        ),
    )
    log_level: str = field(
        default="info",
        metadata=setting(
            "Least severity that is logged.", choices=("debug", "info", "warning", "error")
        ),
    )
    log_format: str = field(
        default="text",
        metadata=setting("One line a record: text or json.", choices=("text", "json")),
    )

    def __post_init__(self) -> None:
        """Check every value and what must fit together."""
        for item in fields(self):
            _check(item.name, getattr(self, item.name), setting_of(item))
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("tls_cert and tls_key need each other: give both, or neither")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ConfigError("tls_client_ca needs tls_cert and tls_key")
        if self.otlp_endpoint is not None and not _URL.fullmatch(self.otlp_endpoint):
            raise ConfigError(
                f"otlp_endpoint must be http://HOST:PORT or https://HOST:PORT, got "
                f"{self.otlp_endpoint!r}"
            )
        if self.max_synthesize_characters > self.max_text_characters:
            raise ConfigError(
                f"max_synthesize_characters ({self.max_synthesize_characters}) must not exceed "
                f"max_text_characters ({self.max_text_characters})"
            )


def setting_of(item: Any) -> Setting:
    """The Setting of a dataclass field."""
    return cast("Setting", item.metadata["setting"])


def _check(name: str, value: object, setting: Setting) -> None:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float) and not setting.low <= value <= setting.high:
        # Also catches NaN, which compares false with everything.
        upper = "" if setting.high == UNBOUNDED else f" and {setting.high:g}"
        raise ConfigError(f"{name} must be between {setting.low:g}{upper}, got {value}")
    if isinstance(value, str):
        if setting.choices and value not in setting.choices:
            raise ConfigError(f"{name} must be one of {', '.join(setting.choices)}, got {value!r}")
        if not value:
            raise ConfigError(f"{name} must not be empty")
