"""A loudspeaker: plays audio as it arrives. Needs the extra ``play`` (sounddevice).

::

    with Loudspeaker(sample_rate_hz=24_000) as speaker:
        async for event in client.stream("Hello.", honours_start_hint=True):
            await asyncio.to_thread(speaker.play, event)
        await asyncio.to_thread(speaker.drain)

By default it starts when the server's ``StartHint`` says that the rest will come in time. On a
server that keeps up that is the first audio; on one slower than real time it is one wait at the
beginning in place of many pauses.
"""

from __future__ import annotations

import importlib
import threading
from collections import deque
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from barkstream_client.errors import ClientError, ClosedError
from barkstream_client.events import Audio, Progress, SpeechEvent

FloatArray = NDArray[np.float32]

UNHINTED_S = 0.2
"""Audio to wait for where the server gives no hint: one that knows none, or after running dry."""


class OutputStream(Protocol):
    """What this module needs of ``sounddevice.OutputStream``."""

    def start(self) -> None:
        """Begin to call back."""

    def stop(self) -> None:
        """Play what was handed over, then stop."""

    def abort(self) -> None:
        """Stop at once."""

    def close(self) -> None:
        """Give the device back."""


class PlaybackBuffer:
    """Samples between the network and the sound card. Thread-safe, and bounded.

    Playback begins once as much is there as the latest ``hint`` asked for, or the audio is
    complete, or no more has room. When it runs dry it waits anew, because one pause is less bad
    than many.

    Args:
        sample_rate_hz: Of all samples.
        prebuffer_s: Audio to wait for whatever is hinted; 0: none. None: go by the hints.
        max_buffer_s: ``feed`` waits while so much is buffered.
    """

    def __init__(self, sample_rate_hz: int, prebuffer_s: float | None, max_buffer_s: float) -> None:
        self._rate_hz = sample_rate_hz
        self._hinted = prebuffer_s is None
        self._unhinted = round(
            (UNHINTED_S if prebuffer_s is None else prebuffer_s) * sample_rate_hz
        )
        self._needed = self._unhinted
        self._limit = max(1, round(max_buffer_s * sample_rate_hz), self._unhinted)
        self._parts: deque[FloatArray] = deque()
        self._buffered = 0
        self._played = 0
        self._underruns = 0
        self._playing = False
        self._full = False  # somebody waits for room: a player that waits for more never ends
        self._complete = False
        self._stopped = False
        self._changed = threading.Condition()

    @property
    def played_s(self) -> float:
        """Audio handed to the sound card."""
        return self._played / self._rate_hz

    @property
    def buffered_s(self) -> float:
        """Audio waiting."""
        return self._buffered / self._rate_hz

    @property
    def playing(self) -> bool:
        """It has begun, and has not run dry since."""
        return self._playing

    @property
    def underruns(self) -> int:
        """How often playback ran dry before the end."""
        return self._underruns

    def hint(self, buffer_s: float) -> None:
        """Start, when silent, with so much; 0: with anything. Ignored where that is fixed."""
        with self._changed:
            if self._hinted:
                self._needed = round(buffer_s * self._rate_hz)

    def feed(self, pcm: FloatArray) -> None:
        """Add samples, waiting for room. float32 [N].

        Raises:
            ClosedError: It was stopped or completed.
        """
        for start in range(0, pcm.size, self._limit):
            part = np.array(pcm[start : start + self._limit], np.float32)
            with self._changed:
                self._changed.wait_for(partial(self._has_room, part.size))
                if self._stopped or self._complete:
                    raise ClosedError("playback was stopped: use a new Loudspeaker")
                self._parts.append(part)
                self._buffered += part.size

    def _has_room(self, samples: int) -> bool:
        self._full = self._buffered + samples > self._limit
        return self._stopped or not self._full

    def take(self, samples: int) -> FloatArray:
        """The next samples for the sound card, padded with silence. Never waits. [samples]."""
        out = np.zeros(samples, np.float32)
        with self._changed:
            if not self._playing:
                enough = self._complete or self._full or self._buffered >= self._needed
                self._playing = enough and self._buffered > 0
            filled = 0
            while self._playing and filled < samples and self._parts:
                part = self._parts.popleft()
                count = min(part.size, samples - filled)
                out[filled : filled + count] = part[:count]
                if count < part.size:
                    self._parts.appendleft(part[count:])
                filled += count
            self._buffered -= filled
            self._played += filled
            if self._playing and filled < samples:
                self._playing = False
                self._needed = self._unhinted  # what was hinted is over
                self._underruns += not self._complete
            self._changed.notify_all()
        return out

    def complete(self) -> None:
        """No more will be fed."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def wait_empty(self, timeout_s: float | None) -> bool:
        """Wait until all was taken or it was stopped. False: not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stopped or not self._buffered, timeout_s)

    def stop(self) -> None:
        """Forget what is buffered; whoever waits goes on."""
        with self._changed:
            self._stopped = True
            self._parts.clear()
            self._buffered = 0
            self._changed.notify_all()


class Loudspeaker:
    """Plays mono audio on the default device while it arrives. A context manager.

    Attributes:
        buffer: What waits, what was played, and how often it ran dry.

    Args:
        sample_rate_hz: Of the audio.
        prebuffer_s: Audio to wait for before playing, whatever the server says; 0: start at once.
            None: wait for what the server's hints ask for. Then say ``honours_start_hint=True`` to
            the server.
        max_buffer_s: ``feed`` waits while so much is buffered.
        device: Name or number as sounddevice knows it; None: the default one.

    Raises:
        ClientError: sounddevice is not installed, or there is no loudspeaker.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        *,
        prebuffer_s: float | None = None,
        max_buffer_s: float = 60.0,
        device: int | str | None = None,
    ) -> None:
        self.buffer = PlaybackBuffer(sample_rate_hz, prebuffer_s, max_buffer_s)
        self._stream = _open_stream(sample_rate_hz, device, self._callback)
        self._stream.start()

    @property
    def played_s(self) -> float:
        """Audio played: what ``report_playback`` and ``cancel`` want to know."""
        return self.buffer.played_s

    def play(self, event: SpeechEvent) -> None:
        """Take an event of a stream or a context: its audio and its hint. Others do nothing.

        Waits as ``feed`` does.
        """
        if isinstance(event, Audio | Progress) and event.start_hint is not None:
            self.buffer.hint(event.start_hint.buffer_s)
        if isinstance(event, Audio):
            self.buffer.feed(event.pcm())

    def feed(self, pcm: FloatArray) -> None:
        """Add samples, float32 [N].

        Waits while the buffer is full: in an event loop, call it in a thread.
        """
        self.buffer.feed(pcm)

    def drain(self, timeout_s: float | None = None) -> None:
        """No more will be fed; wait until all was played."""
        self.buffer.complete()
        self.buffer.wait_empty(timeout_s)
        self._stream.stop()

    def stop(self) -> None:
        """Be silent at once."""
        self.buffer.stop()
        self._stream.abort()

    def close(self) -> None:
        """Be silent and give the device back."""
        self.buffer.stop()
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _callback(self, out: NDArray[np.float32], frames: int, _time: Any, _status: Any) -> None:
        out[:, 0] = self.buffer.take(frames)


def _open_stream(sample_rate_hz: int, device: int | str | None, callback: Any) -> OutputStream:
    try:
        sounddevice = importlib.import_module("sounddevice")
    except (ImportError, OSError) as error:  # OSError: the wheel is there, PortAudio is not.
        raise ClientError(
            "playing needs sounddevice and PortAudio: pip install 'barkstream[play]' and, on "
            "Linux, apt install libportaudio2"
        ) from error
    try:
        stream: OutputStream = sounddevice.OutputStream(
            samplerate=sample_rate_hz,
            channels=1,
            dtype="float32",
            device=device,
            callback=callback,
        )
    except sounddevice.PortAudioError as error:
        raise ClientError(f"no loudspeaker could be opened: {error}") from error
    return stream
