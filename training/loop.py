"""What every training step shares: time limits, checkpoints that resume, a curve on disk."""

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_SAVE_EVERY_S = 240.0
_LOG_EVERY_STEPS = 50


def schedule(step: int, total: int, peak: float, warm: int = 200) -> float:
    """Learning rate: linear warm-up, constant, and over the last quarter linearly down.

    Unlike a cosine it does not depend on `total` until the end is near, so training that has ended
    goes on well with a larger `total` (Hägele et al. 2024, "Scaling laws and compute-optimal
    training beyond fixed training durations").
    """
    rise = min(1.0, (step + 1) / warm)
    fall = min(1.0, (total - step) / (0.25 * total))
    return peak * rise * max(0.02, fall)


class Loop:
    """Counts steps, sets learning rates, averages losses, and saves everything needed to go on.

    Attributes:
        step: steps done so far, over all runs.
        optimizers: by name.
    """

    def __init__(
        self,
        path: Path,
        modules: dict[str, nn.Module],
        optimizers: dict[str, torch.optim.Optimizer],
        total: int,
        about: dict[str, Any],
    ) -> None:
        """Resume from `path` if it is there.

        Args:
            path: the checkpoint; its curve stands beside it as `.jsonl`.
            modules: to save and restore, by name.
            optimizers: likewise; the learning rate each has now is its peak.
            total: steps after which training ends.
            about: sizes and such, stored in the checkpoint for `load`.
        """
        self.step, self.total = 0, total
        self._path, self._modules, self.optimizers = path, modules, optimizers
        self._about = about
        self._peaks = {name: o.param_groups[0]["lr"] for name, o in optimizers.items()}
        self._sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._seconds = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            stored = torch.load(path, weights_only=True)
            for name, module in modules.items():
                if name in stored["modules"]:
                    module.load_state_dict(stored["modules"][name])
            for name, optimizer in optimizers.items():
                if name in stored["optimizers"]:
                    optimizer.load_state_dict(stored["optimizers"][name])
            self.step, self._seconds = stored["step"], stored["seconds"]
            print(f"resumed {path} at step {self.step}", flush=True)

    def steps(self, minutes: float) -> Iterator[int]:
        """Step numbers until `total`, the end of time or SIGTERM; saves now and then, and last."""
        started = saved = marked = time.monotonic()
        stopped: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
        while self.step < self.total and time.monotonic() - started < minutes * 60:
            if stopped:
                break
            for name, optimizer in self.optimizers.items():
                for group in optimizer.param_groups:
                    group["lr"] = schedule(self.step, self.total, self._peaks[name])
            yield self.step
            self.step += 1
            now = time.monotonic()
            if self.step % _LOG_EVERY_STEPS == 0:
                self._log((now - marked) / _LOG_EVERY_STEPS)
                marked = now
            if now - saved > _SAVE_EVERY_S:
                self._seconds += now - saved
                saved = now
                self.save()
        self._seconds += time.monotonic() - saved
        self.save()

    def learn(self, loss: Tensor) -> None:
        """One step of every optimizer down a loss, its gradient clipped to norm 1."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        weights = [weight for module in self._modules.values() for weight in module.parameters()]
        nn.utils.clip_grad_norm_(weights, 1.0, foreach=True)
        for optimizer in self.optimizers.values():
            optimizer.step()

    def note(self, **values: float) -> None:
        """Average these into the next line of the curve."""
        for name, value in values.items():
            total = self._sums[name]
            total[0] += float(value)
            total[1] += 1

    def record(self, **values: float) -> None:
        """Write a line of measured values to the curve at once."""
        line = {"step": self.step, **{k: round(float(v), 5) for k, v in values.items()}}
        with self._path.with_suffix(".jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)

    def _log(self, seconds_per_step: float) -> None:
        means = {name: total / count for name, (total, count) in self._sums.items()}
        self._sums.clear()
        self.record(**means, seconds_per_step=seconds_per_step)

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        draft = self._path.with_suffix(".tmp")
        content = {
            "about": self._about,
            "step": self.step,
            "seconds": self._seconds,
            "modules": {name: m.state_dict() for name, m in self._modules.items()},
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
        }
        torch.save(content, draft)
        draft.replace(self._path)


def load(path: Path) -> dict[str, Any]:
    """A checkpoint of `Loop`; its keys are about, step, seconds, modules, optimizers.

    Raises:
        FileNotFoundError: the step that makes it has not run.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run the training step that writes it first")
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    return checkpoint


def be_polite(threads: int = 1) -> None:
    """Use few threads and the lowest priority: training runs beside other work."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    os.nice(max(0, 19 - os.nice(0)))
