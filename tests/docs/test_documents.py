"""What README and docs tell people to run is run, against a real server."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from barkstream_server.cli.own_server import READY_PREFIX, own_server

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent

NOT_RUN = {"make test"}  # it is this very test run
SERVE = "barkstream serve "
REPLACED = {
    "--checkpoint suno/bark-small": "--checkpoint noise",
    "v2/en_speaker_6": "v2/en_speaker_0",
}


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        for kind, body in BLOCK.findall(document.read_text()):
            if kind == language:
                found.append((document.name, body))
    return found


def commands() -> list[str]:
    return [
        line
        for _, body in blocks("sh")
        for line in body.splitlines()
        if line and not line.startswith("#")
    ]


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with own_server("noise") as address:
        yield address


def test_there_is_something_to_run() -> None:
    assert {"make test"} < set(commands())
    assert len(blocks("python")) >= 2


def without_hub(command: str) -> str:
    for old, new in REPLACED.items():
        command = command.replace(old, new)
    return command


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith(SERVE)])
def test_serving_command(command: str) -> None:
    arguments = [*without_hub(command).split(), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [BIN / arguments[0], *arguments[1:]], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith(READY_PREFIX)
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0


@pytest.mark.parametrize(
    "command",
    [one for one in commands() if one not in NOT_RUN and not one.startswith(SERVE)],
)
def test_command(command: str, target: str, tmp_path: Path) -> None:
    command = without_hub(command)
    command = command.replace("localhost:50051", target)
    if command.startswith("make "):
        command += f" OUT={tmp_path}/out.wav"
        directory = ROOT
    else:
        # Variables may be set in front of it.
        command = re.sub(r"^((?:\w+=\S+ )*)", rf"\1{BIN}/", command)
        directory = tmp_path
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    if " say " in command:
        (written,) = tmp_path.glob("*.wav")
        assert written.stat().st_size > 44
        assert "first audio after" in done.stderr
        assert "real-time factor" in done.stderr


@pytest.mark.parametrize(("document", "code"), blocks("python"))
def test_python(document: str, code: str, target: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code.replace("localhost:50051", target))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
