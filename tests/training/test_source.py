"""The voice source and its pitch grid."""

import numpy as np

from training.teacher import source


def test_levels_and_hertz_agree() -> None:
    levels = np.arange(source.LEVELS)
    hertz = source.level_hz(levels)
    assert hertz[0] == source.LOWEST_HZ
    assert np.allclose(hertz[source.LEVELS_PER_OCTAVE] / hertz[0], 2)
    assert source.level_hz(np.array([source.UNVOICED])) == 0


def test_steady_pitch_gives_one_level_and_silence_none() -> None:
    f0 = np.array([0.0] * 8 + [113.0, 113.5, 113.2, 113.8] * 8)
    levels = source.pitch_levels(f0)
    assert len(levels) == -(-len(f0) * 300 // 320)
    voiced = levels[levels != source.UNVOICED]
    assert len(set(voiced.tolist())) == 1
    assert abs(source.level_hz(voiced[:1])[0] / 113.4 - 1) < 0.02
    assert (levels[:6] == source.UNVOICED).all()


def test_every_onset_starts_the_same_cycle() -> None:
    levels = np.array([-1, 30, 30, 31, -1, -1, 30, 30, 31, -1], np.int8)
    signal = source.harmonic_source(levels, 10 * source.FRAME, np.ones(3), 0.0)
    frame = source.FRAME
    assert np.allclose(signal[frame : 4 * frame], signal[6 * frame : 9 * frame], atol=1e-6)
    assert np.allclose(signal[:frame], 0)


def test_analysis_and_synthesis_are_inverse_up_to_the_exports_gain() -> None:
    signal = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    parts = source.analyse(signal)
    magnitude, phase = np.maximum(parts[:, :11], 1e-5), parts[:, 11:]
    # The network gives the sine of its argument as phase: undo that where it can be undone.
    reachable = np.clip(phase, -1, 1)
    last = np.concatenate([np.log(magnitude), np.arcsin(reachable)], axis=1)
    made = source.synthesise(last.astype(np.float32))
    assert made.shape == signal.shape
    spectrum = magnitude[0] * np.exp(1j * reachable[0])
    again = source.analyse((made / 1.5).astype(np.float32))
    assert np.isfinite(again).all()
    assert spectrum.shape == (11, 401)
