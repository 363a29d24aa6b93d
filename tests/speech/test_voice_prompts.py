"""A history prompt decides who speaks: pitch and timbre, measured on what the server sends."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from barkstream_client import SpeechClient
from bench.load_server import ServerSettings, running_server

RATE_HZ = 24_000
SENTENCES = (
    "The old clock on the wall stopped at midnight.",
    "We drove through the desert for hours without seeing a single house.",
    "How long have you been waiting for me?",
    "The museum opens at nine in the morning.",
)
FRAME, HOP = 1024, 512  # 43 ms: three periods of the lowest pitch
LOWEST_HZ, HIGHEST_HZ = 70, 350
# A frame is voiced where its autocorrelation, as a part of its energy, is above this.
VOICED = 0.6
BAND_EDGES_HZ = np.geomspace(300, 6000, 14)

Samples = NDArray[np.float32]


def frames_of(audio: Samples) -> NDArray[np.float64]:
    """Loud ones, [N, FRAME]."""
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), FRAME)[::HOP]
    power = (frames**2).mean(1)
    return np.asarray(frames[power > 0.1 * power.mean()])


def pitch_hz(audio: Samples) -> float:
    """Median over voiced frames of the lag where a frame is most like itself."""
    spectra = np.fft.rfft(frames_of(audio) * np.hanning(FRAME), 2 * FRAME)
    alike = np.fft.irfft(np.abs(spectra) ** 2)[:, :FRAME]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(FRAME), 2 * FRAME)) ** 2)[:FRAME]
    alike = alike / alike[:, :1] / (window / window[0] + 1e-3)
    first, last = RATE_HZ // HIGHEST_HZ, RATE_HZ // LOWEST_HZ
    lags = alike[:, first:last].argmax(1) + first
    voiced = alike[np.arange(lags.size), lags] > VOICED
    assert voiced.sum() > 20, "hardly anything is voiced"
    return float(np.median(RATE_HZ / lags[voiced]))


def timbre_db(audio: Samples) -> NDArray[np.float64]:
    """Long-term spectrum in bands above the pitch, without its level. [bands]."""
    power = (np.abs(np.fft.rfft(frames_of(audio) * np.hanning(FRAME))) ** 2).mean(0)
    hz = np.fft.rfftfreq(FRAME, 1 / RATE_HZ)
    bands = [power[(hz >= low) & (hz < high)].mean() for low, high in pairwise(BAND_EDGES_HZ)]
    levels = 10 * np.log10(bands)
    return np.asarray(levels - levels.mean())


def distance_db(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean over bands."""
    return float(np.abs(one - other).mean())


async def test_a_voice_prompt_moves_pitch_and_timbre() -> None:
    spoken: dict[str, list[Samples]] = {}
    async with (
        running_server(ServerSettings(slots=1)) as target,
        SpeechClient.connect(target) as client,
    ):
        for voice in await client.list_voices():
            for seed, text in enumerate(SENTENCES):
                stream = client.stream(text, voice=voice.name, seed=seed, encoding="pcm_f32le")
                parts = [part.pcm() async for part in stream.audio()]
                spoken.setdefault(voice.name, []).append(np.concatenate(parts).astype(np.float32))

    pitches = {name: [pitch_hz(audio) for audio in said] for name, said in spoken.items()}
    assert len(pitches) >= 2
    low, *_, high = sorted(pitches.values(), key=np.median)
    assert min(high) > 1.25 * max(low), pitches

    # Halves of what was said, two sentences each: those of one voice are more alike.
    halves = {
        name: [timbre_db(np.concatenate(said[start::2])) for start in (0, 1)]
        for name, said in spoken.items()
    }
    within = [distance_db(one, other) for one, other in halves.values()]
    between = [
        distance_db(one, other)
        for first, second in combinations(halves.values(), 2)
        for one in first
        for other in second
    ]
    assert np.mean(between) > 1.2 * np.mean(within), (between, within)
