"""Text to audio with its alignment: phones, durations and pitch, by the teacher."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from training.teacher import graph, source
from training.teacher.phones import Phones

_MIX = "/decoder/decoder/generator/m_source/l_linear"


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What the teacher's front network says about a text, before any audio.

    Attributes:
        phones: the phones, one character each, stress marks included.
        durations: [len(phones) + 2] 40 Hz frames of boundary, phones, boundary.
        f0_hz: [2 T] pitch at 80 Hz.
        energy: [1, 2 T] at 80 Hz.
        features: [1, 512, T] at 40 Hz.
        style: [1, 256].
    """

    phones: str
    durations: np.ndarray
    f0_hz: np.ndarray
    energy: np.ndarray
    features: np.ndarray
    style: np.ndarray


class Teacher:
    """Kokoro-82M with our own voice source."""

    def __init__(self, root: Path, threads: int = 1) -> None:
        """Prepare the networks in `root`/teacher on first use and load them.

        Args:
            root: the training folder.
            threads: of each network.
        """
        import openvino

        front, back = graph.prepare(root / "teacher")
        core = openvino.Core()
        # bf16 was tried: without matrix units it is slower, and adds noise at -27 dB.
        # Pinned threads would put every process on the first core.
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._front: Any = core.compile_model(str(front), "CPU", options).create_infer_request()
        self._back: Any = core.compile_model(str(back), "CPU", options).create_infer_request()
        self._weights, self._bias = _source_mix(root / "teacher")
        self._phones = Phones()
        self._voices = root / "teacher" / "voices"

    def plan(self, text: str, voice: str) -> Plan:
        """Alignment and pitch of `text` in `voice` (a file name of the voices folder)."""
        phones = self._phones(text)
        if not phones:
            raise ValueError(f"no phones for {text!r}: leave it out of the texts")
        style = self._style(voice, len(phones))
        tokens = np.array([[0, *(self._phones.vocabulary[c] for c in phones), 0]], np.int64)
        inputs = {"tokens": tokens, "style": style, "speed": np.ones(1, np.float32)}
        result = self._front.infer(inputs)
        durations = result[graph.DURATIONS].astype(np.int16)
        return Plan(
            phones,
            durations,
            result[graph.PITCH].ravel().copy(),
            result[graph.ENERGY].copy(),
            result[graph.FEATURES].copy(),
            style,
        )

    def speak(self, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        """Audio of a plan.

        Returns:
            float32 samples at 24 kHz, 600 for each 40 Hz frame; int8 pitch levels at 75 Hz.
        """
        levels = source.pitch_levels(plan.f0_hz)
        samples = len(plan.f0_hz) * source.PITCH_FRAME
        excitation = source.harmonic_source(levels, samples, self._weights, self._bias)
        inputs = {
            graph.FEATURES: plan.features,
            graph.PITCH: plan.f0_hz[None],
            graph.ENERGY: plan.energy,
            graph.SOURCE: source.analyse(excitation),
            "style": plan.style,
        }
        last = self._back.infer(inputs)[graph.LAST]
        return source.synthesise(last), levels

    def _style(self, voice: str, phones: int) -> np.ndarray:
        path = self._voices / f"{voice}.bin"
        if not path.exists():
            raise FileNotFoundError(f"{path} is missing: run `python -m training.fetch` first")
        table = np.fromfile(path, np.float32).reshape(-1, 256)
        return np.asarray(table[min(phones, len(table)) - 1][None])


def _source_mix(folder: Path) -> tuple[np.ndarray, float]:
    """The weights [9] and bias with which the teacher mixes harmonics; cached beside its parts."""
    path = folder / "source.npz"
    if not path.exists():
        model = graph.read_export()
        values = {t.name: t for t in model.graph.initializer}
        nodes: dict[str, onnx.NodeProto] = {node.name: node for node in model.graph.node}
        weight = numpy_helper.to_array(values[nodes[f"{_MIX}/MatMul"].input[1]])
        bias = numpy_helper.to_array(values[nodes[f"{_MIX}/Add"].input[0]])
        np.savez(path, weight=weight.ravel(), bias=bias)
    loaded = np.load(path)
    return loaded["weight"], float(loaded["bias"][0])
