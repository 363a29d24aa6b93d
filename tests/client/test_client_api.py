"""What the package shows and what it pulls in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import barkstream_client
import barkstream_client.testing

PUBLIC = [
    "AbortedError",
    "AccessError",
    "Audio",
    "CallCancelledError",
    "CancelReport",
    "ClientError",
    "ClosedError",
    "Completed",
    "Connection",
    "ConnectionOptions",
    "DeadlineError",
    "Draining",
    "Encoding",
    "ErrorInfo",
    "FieldViolation",
    "Flushed",
    "InvalidRequestError",
    "ModelInfo",
    "NotFoundError",
    "OptionError",
    "OutOfOrderError",
    "Progress",
    "ProtocolError",
    "Queued",
    "Receipt",
    "Segment",
    "ServerFailureError",
    "ServerFullError",
    "ServerInfo",
    "ServerLimits",
    "ServerLoad",
    "SessionInfo",
    "SlowReaderError",
    "Speech",
    "SpeechClient",
    "SpeechContext",
    "SpeechError",
    "SpeechEvent",
    "SpeechOptions",
    "SpeechSession",
    "SpeechStream",
    "StartHint",
    "Started",
    "SyncSpeechClient",
    "SyncSpeechContext",
    "SyncSpeechSession",
    "SyncSpeechStream",
    "TimedSegment",
    "Timing",
    "UnavailableError",
    "UndecodableError",
    "Usage",
    "Voice",
]


def test_public_names() -> None:
    assert barkstream_client.__all__ == PUBLIC
    assert all(hasattr(barkstream_client, name) for name in PUBLIC)
    assert barkstream_client.testing.__all__ == [
        "CHARACTER_S",
        "AudioGate",
        "FakeFailure",
        "FakeScript",
        "FakeSpeechServer",
        "tones",
    ]


def test_it_is_typed() -> None:
    assert barkstream_client.__file__ is not None
    assert (Path(barkstream_client.__file__).parent / "py.typed").exists()


def test_importing_it_pulls_in_nothing_heavy() -> None:
    script = (
        "import sys, barkstream_client, barkstream_client.testing, barkstream_client.playback\n"
        "heavy = {'torch', 'transformers', 'bark_core', 'barkstream_server', 'soxr', 'av',\n"
        "         'sounddevice', 'grpc_status'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_fake_server_is_not_imported_unasked() -> None:
    script = (
        "import sys, barkstream_client\n"
        "print([name for name in sys.modules if 'testing' in name and 'barkstream' in name])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
