"""Where spoken samples go: a WAV file, standard output, the loudspeaker."""

from __future__ import annotations

import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from bark_core.audio import wav_header
from bark_core.audio.pcm import encode_s16le
from bark_core.errors import SetupError
from barkstream_client.errors import SpeechError
from barkstream_client.playback import Loudspeaker


class AudioOutput(Protocol):
    """Takes mono samples in order."""

    def write(self, pcm: NDArray[np.float32]) -> None:
        """The next samples, float32 [N], nominally in [-1, 1]."""
        ...

    def close(self) -> None:
        """No more samples; returns when all have been put where they belong."""
        ...


class WavFile:
    """A WAV file with 16-bit samples; complete and playable once closed.

    Raises:
        SetupError: It cannot be written (also of the methods).
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        self._path = path
        with self._writing():
            self._file = path.open("wb")
        self._wave: wave.Wave_write = wave.open(self._file, "wb")  # noqa: SIM115 - see close
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._wave.setframerate(sample_rate_hz)

    def write(self, pcm: NDArray[np.float32]) -> None:
        """Append samples."""
        with self._writing():
            self._wave.writeframes(encode_s16le(pcm))

    def close(self) -> None:
        """Complete the header."""
        with self._writing(), self._file:
            self._wave.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SetupError(
                f"cannot write {self._path}: {error.strerror}; choose another file with -o",
                reason="OUTPUT_FAILED",
            ) from error


class WavPipe:
    """A WAV stream of unknown length, for ``barkstream say -o - | player``."""

    def __init__(self, stream: BinaryIO, sample_rate_hz: int) -> None:
        self._stream = stream
        stream.write(wav_header(sample_rate_hz, None))

    def write(self, pcm: NDArray[np.float32]) -> None:
        """Write and flush, so that the player hears it now."""
        self._stream.write(encode_s16le(pcm))
        self._stream.flush()

    def close(self) -> None:
        """Nothing to complete."""
        self._stream.flush()


class Speaker:
    """The default loudspeaker.

    Args:
        sample_rate_hz: Of the samples.
        prebuffer_s: Audio to wait for before playing; None: what hints ask for.

    Raises:
        SpeechError: There is none.
    """

    def __init__(self, sample_rate_hz: int, prebuffer_s: float | None) -> None:
        self._loudspeaker = Loudspeaker(sample_rate_hz, prebuffer_s=prebuffer_s)

    def hint(self, buffer_s: float) -> None:
        """What to wait for while silent."""
        self._loudspeaker.buffer.hint(buffer_s)

    def write(self, pcm: NDArray[np.float32]) -> None:
        """Play after what is playing; waits while a minute is buffered."""
        self._loudspeaker.feed(pcm)

    def close(self) -> None:
        """Wait until all was played."""
        self._loudspeaker.drain()
        self._loudspeaker.close()


class Outputs:
    """All outputs of one run; opened with the first samples, when the rate is known.

    Args:
        file: WAV file, or "-" for standard output, or None.
        play: Use the loudspeaker.
        play_if_possible: Use it if there is one; say so on stderr if not.
        prebuffer_s: Audio that the loudspeaker waits for; None: what hints ask for.
    """

    def __init__(
        self,
        file: str | None,
        *,
        play: bool,
        play_if_possible: bool,
        prebuffer_s: float | None = None,
    ) -> None:
        self._file = file
        self._play = play
        self._play_if_possible = play_if_possible
        self._prebuffer_s = prebuffer_s
        self._open: list[AudioOutput] | None = None

    def write(
        self,
        pcm: NDArray[np.float32],
        sample_rate_hz: int,
        start_buffer_s: float | None = None,
    ) -> None:
        """The next samples, and what a silent loudspeaker should wait for (None: nothing new)."""
        if self._open is None:
            self._open = self._outputs(sample_rate_hz)
        for output in self._open:
            if isinstance(output, Speaker) and start_buffer_s is not None:
                output.hint(start_buffer_s)
            output.write(pcm)

    def close(self) -> None:
        """Complete the file; wait until the loudspeaker has played all."""
        for output in self._open or []:
            output.close()
        self._open = []

    def _outputs(self, sample_rate_hz: int) -> list[AudioOutput]:
        outputs: list[AudioOutput] = []
        if self._file == "-":
            outputs.append(WavPipe(sys.stdout.buffer, sample_rate_hz))
        elif self._file is not None:
            outputs.append(WavFile(Path(self._file), sample_rate_hz))
        if self._play or self._play_if_possible:
            try:
                outputs.append(Speaker(sample_rate_hz, self._prebuffer_s))
            except SpeechError as error:
                if self._play:
                    raise
                print(f"Not played: {error}", file=sys.stderr)
        return outputs
