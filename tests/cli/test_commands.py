"""``barkstream say``, ``voices`` and ``doctor`` as a person uses them."""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest

from bark_core.errors import SetupError
from barkstream_client import ServerLoad
from barkstream_server.cli import say, top
from barkstream_server.cli.main import main
from barkstream_server.cli.outputs import Outputs, WavPipe
from barkstream_server.cli.own_server import own_server
from barkstream_server.cli.speech_order import Piece, Said, SpeechOrder

SAY = (sys.executable, "-m", "barkstream_server", "say")
TEXT = "Hello there. How are you?"


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with own_server("noise") as address:
        yield address


def frames(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        return bytes(file.readframes(file.getnframes()))


def test_a_server_and_an_engine_of_ones_own_say_the_same(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served, local = tmp_path / "served.wav", tmp_path / "local.wav"
    command = ["say", TEXT, "--seed", "3"]
    assert main([*command, "--server", target, "-o", str(served)]) == 0
    assert main([*command, "--checkpoint", "noise", "-o", str(local)]) == 0
    assert frames(served) == frames(local)
    assert len(frames(local)) > 24_000
    said = capsys.readouterr().err
    assert said.count("first audio after") == said.count("real-time factor") == 2
    assert "seed 3" in said
    assert said.count("noise") >= 2, "a random model is announced"


def test_another_back_end_may_speak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out = str(tmp_path / "out.wav")
    command = ["say", "Hello.", "--checkpoint", "noise", "--seed", "3", "-o", out]
    spoken = []
    for choice in (
        ("--backend", "onnx"),
        (),
        ("--dtype", "float32"),
        ("--backend", "torch", "--device", "cpu"),
    ):
        assert main([*command, *choice]) == 0
        spoken.append(frames(tmp_path / "out.wav"))
        assert len(spoken[-1]) > 24_000
    assert any((tmp_path / "barkstream" / "onnx").glob("int8-*"))
    assert spoken[0] == spoken[1] != spoken[2], "auto is onnx in 8 bits"
    assert main([*command, "--backend", "abacus"]) == 1
    assert "choose one of: auto, torch, onnx" in capsys.readouterr().err


def test_text_is_piped_in_and_audio_out(target: str) -> None:
    command = [
        sys.executable,
        "-m",
        "barkstream_server",
        "say",
        "--server",
        target,
        "-o",
        "-",
        "-q",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(TEXT.encode()[:9])
        process.stdin.flush()
        process.stdin.write(TEXT.encode()[9:])
        process.stdin.close()
        audio = process.stdout.read()
        assert process.wait(60) == 0
    assert audio[:4] == b"RIFF"
    assert audio[8:16] == b"WAVEfmt "
    assert len(audio) > 24_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["   "], "empty"),
        (["Hello.", "--voice", "nobody"], "nearest names"),
        (["Hello.", "--temperature", "11"], "temperature"),
        (["caf\udce9 au lait"], "surrogate"),  # how Python passes on what is not UTF-8
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str],
    message: str,
    target: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "never.wav"
    for place in (["--server", target], ["--checkpoint", "noise"]):
        assert main(["say", *arguments, *place, "-o", str(out), "-q"]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith("barkstream: ")
        assert message in line
        assert not out.exists()


def test_unreadable_text_is_one_clear_line(target: str) -> None:
    done = subprocess.run(
        [*SAY, "--server", target, "-q", "-o", "-"],
        input=b"caf\xe9 au lait",
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.decode().startswith("barkstream: ")
    assert "UTF-8" in done.stderr.decode()


def test_a_file_that_cannot_be_written_is_one_clear_line(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "no" / "such" / "directory" / "out.wav"
    for place in (["--server", target], ["--checkpoint", "noise"]):
        assert main(["say", "Hello.", *place, "-o", str(out), "-q"]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith(f"barkstream: cannot write {out}: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_one_clear_line(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", TEXT * 5, "--server", target, "-o", "/dev/full", "-q"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("barkstream: cannot write /dev/full: ")


def test_a_player_that_goes_away_ends_the_speech_quietly(target: str) -> None:
    command = [*SAY, TEXT * 5, "--server", target, "-q", "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(4) == b"RIFF"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


def test_a_long_text_shows_how_far_it_is_where_somebody_watches(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(characters: int, *, watched: bool = True, quiet: bool = False) -> str:
        def pieces() -> Generator[Piece | Said, None, None]:
            yield Piece(np.zeros(4, np.float32), 24_000, characters // 2)
            yield Said(0.1, 1.0, 1.0, 3, "v", "m")

        text = "x" * characters
        order = SpeechOrder(
            text, iter((text,)), "noise", "auto", "auto", "auto", "", None, "low", None, quiet
        )
        monkeypatch.setattr(sys.stderr, "isatty", lambda: watched)
        outputs = Outputs(None, play=False, play_if_possible=False)
        assert say._drain(order, pieces(), outputs).seed == 3
        return capsys.readouterr().err

    assert "speaking:" in shown(400)
    assert shown(400, watched=False) == ""
    assert shown(400, quiet=True) == ""
    assert shown(100) == ""


def test_an_own_server_that_cannot_start_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetupError, match="did not start"), own_server("no/such/directory/at/all"):
        pass
    assert "no/such/directory/at/all" in capfd.readouterr().err


def test_voices_are_listed(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "--checkpoint", "noise"]) == 0
    local = capsys.readouterr().out
    assert main(["voices", "--server", target]) == 0
    assert capsys.readouterr().out == local
    assert "v2/en_speaker_0 *" in local
    assert main(["voices", "--checkpoint", "noise", "--language", "de"]) == 0
    assert capsys.readouterr().out == ""


def test_top_prints_a_line_each_time_where_nobody_watches(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", "--server", target, "--interval", "0.1", "--count", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("serving sessions=0 running=0/4 waiting=0 ")


def test_top_draws_a_screen_in_a_terminal() -> None:
    before = ServerLoad(True, 1, 1, 0, 4, 0.0, 2, 10.0, 0, 0)
    load = ServerLoad(True, 3, 2, 1, 4, 1.25, 4, 16.0, 1, 0, least_lead_s=0.25)
    drawn = "\n".join(top.screen("here:1", load, before, interval_s=2.0))
    assert "here:1  SERVING" in drawn
    assert "] 2 of 4, 1 waiting" in drawn
    assert drawn.count("#") == drawn.count(".", drawn.index("["), drawn.index("]")) == 15
    assert "1.25  SLOWER THAN REAL TIME" in drawn
    assert "16 s  (+3.0 s/s)" in drawn
    assert "underruns        1  (+0.5/s)" in drawn
    assert "least lead       0.25 s" in drawn
    assert "none yet" in "".join(top.screen("here:1", before, None, 1.0))


def test_top_says_where_there_is_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--server", "127.0.0.1:1", "--count", "1"]) == 1
    assert capsys.readouterr().err.startswith("barkstream: ")


def test_doctor_runs_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--checkpoint", "noise"]) == 0
    found = capsys.readouterr().out
    assert "check        speak: ok" in found
    assert "torch" in found


def test_doctor_fails_where_there_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--checkpoint", str(tmp_path)]) == 1
    assert "NOT USABLE" in capsys.readouterr().out


def test_a_pipe_starts_with_a_header() -> None:
    stream = io.BytesIO()
    pipe = WavPipe(stream, 24_000)
    pipe.write(np.zeros(10, np.float32))
    pipe.close()
    assert len(stream.getvalue()) == 44 + 20


def test_no_loudspeaker_is_a_note_where_playing_was_only_wished_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    outputs = Outputs(str(tmp_path / "a.wav"), play=False, play_if_possible=True)
    outputs.write(np.zeros(4, np.float32), 24_000)
    outputs.close()
    assert capsys.readouterr().err.startswith("Not played: ")
    assert (tmp_path / "a.wav").stat().st_size == 44 + 8
