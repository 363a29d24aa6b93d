"""What is said during a soak, and what it sounds like when nobody else calls."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

import numpy as np

from barkstream_client import SpeechClient, SpeechOptions

POOL_SIZE = 24
LONG_POOL_SIZE = 2
ALONE_TIMEOUT_S = 120.0

_WORDS = tuple(
    "yes no seven rivers meet behind the old mill where nobody waits [laughs] tonight".split()  # noqa: SIM905
)


class AudioMismatchError(Exception):
    """A call brought other audio than the same call made alone."""


@dataclass(frozen=True, slots=True)
class Script:
    """One text with fixed options: the same bytes whenever and however it is called.

    Attributes:
        number: In the pool.
        parts: The text; between the parts it is flushed, which only a session can.
        options: Everything that the audio depends on.
    """

    number: int
    parts: tuple[str, ...]
    options: SpeechOptions

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.parts)

    @property
    def for_sessions(self) -> bool:
        """A session may fill up its resampler when the text stands still: native rate only."""
        return "sample_rate_hz" not in self.options

    @property
    def for_streams(self) -> bool:
        """Nothing is flushed."""
        return len(self.parts) == 1


def pool(seed: int) -> tuple[Script, ...]:
    """Short scripts: plain, flushed, resampled, exact; all under a second for each sentence."""
    return tuple(_short(seed, number) for number in range(POOL_SIZE))


def long_pool(seed: int) -> tuple[Script, ...]:
    """Scripts whose audio is more than a connection holds for a caller that does not read."""
    return tuple(_long(seed, number) for number in range(POOL_SIZE, POOL_SIZE + LONG_POOL_SIZE))


def _short(seed: int, number: int) -> Script:
    rng = np.random.default_rng([seed, 1, number])
    sentences = [_sentence(rng) for _ in range(rng.integers(1, 4))]
    options: SpeechOptions = {
        "seed": int(rng.integers(1, 2**31)),
        "max_utterance_s": float(rng.choice([0.2, 0.3, 0.5])),
        "voice": str(rng.choice(["v2/en_speaker_0", "v2/en_speaker_1"])),
    }
    match number % 6:
        case 0:
            options["sample_rate_hz"], options["encoding"] = 8_000, "mulaw"
        case 1:
            options["sample_rate_hz"], options["encoding"] = 16_000, "pcm_s16le"
        case 2:
            options["latency_mode"] = "exact"
        case 3:
            options["encoding"] = "pcm_f32le"
        case _:
            pass
    flushed = number % 6 == 4
    parts = tuple(sentences) if flushed else ("".join(sentences),)
    return Script(number, parts, options)


def _long(seed: int, number: int) -> Script:
    rng = np.random.default_rng([seed, 1, number])
    text = "".join(_sentence(rng) for _ in range(3))
    options: SpeechOptions = {
        "seed": int(rng.integers(1, 2**31)),
        "max_utterance_s": 1.5,
        "encoding": "pcm_f32le",
        "sample_rate_hz": 48_000,
    }
    return Script(number, (text,), options)


def _sentence(rng: np.random.Generator) -> str:
    return " ".join(rng.choice(_WORDS, rng.integers(2, 7))).capitalize() + ". "


@dataclass(frozen=True, slots=True)
class Alone:
    """The audio of every script, each called alone.

    Attributes:
        streams: By script number; of Synthesize and StreamSynthesize, which make the same.
        sessions: By script number; of Converse, which begins with shorter utterances.
    """

    streams: dict[int, bytes]
    sessions: dict[int, bytes]

    def check_stream(self, script: Script, heard: bytes, *, whole: bool) -> None:
        """Compare what a call brought.

        Args:
            script: What was said.
            heard: Audio of the call.
            whole: It ended by itself; a call that was cut off has a beginning of it.

        Raises:
            AudioMismatchError: They differ.
        """
        _check(script, heard, self.streams[script.number], whole=whole)

    def check_session(self, script: Script, heard: bytes, *, whole: bool) -> None:
        """The same for a context of a session."""
        _check(script, heard, self.sessions[script.number], whole=whole)

    def differences(self, later: Alone) -> list[str]:
        """Scripts that sound different later on."""
        return [
            f"{way}: script {number} alone was {digest(audio)} before, is {digest(new[number])}"
            for way, old, new in (
                ("stream", self.streams, later.streams),
                ("session", self.sessions, later.sessions),
            )
            for number, audio in old.items()
            if new[number] != audio
        ]


def _check(script: Script, heard: bytes, alone: bytes, *, whole: bool) -> None:
    if heard != (alone if whole else alone[: len(heard)]):
        raise AudioMismatchError(
            f"script {script.number}: {len(heard)} bytes of {digest(heard)} "
            f"({'whole' if whole else 'cut off'}), alone {len(alone)} bytes of {digest(alone)}"
        )


async def speak_alone(client: SpeechClient, scripts: tuple[Script, ...]) -> Alone:
    """Call every script in every way that it fits, one call after another."""
    return Alone(
        {script.number: await _stream(client, script) for script in scripts if script.for_streams},
        {script.number: await _talk(client, script) for script in scripts if script.for_sessions},
    )


async def _stream(client: SpeechClient, script: Script) -> bytes:
    stream = client.stream(script.text, timeout_s=ALONE_TIMEOUT_S, **script.options)
    return b"".join([audio.data async for audio in stream.audio()])


async def _talk(client: SpeechClient, script: Script) -> bytes:
    async with client.session() as session, asyncio.timeout(ALONE_TIMEOUT_S):
        context = session.context(**script.options)
        for part in script.parts:
            await context.append(part)
            if not script.for_streams:
                await context.flush()
        await context.finish()
        return b"".join([audio.data async for audio in context.audio()])


def digest(audio: bytes) -> str:
    """A short name of some audio."""
    return hashlib.sha256(audio).hexdigest()[:12]
