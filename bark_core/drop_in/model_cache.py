"""The model behind Suno's functions: chosen, loaded once, shared."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bark_core.backends.registry import BackendSpec, choose_backend, create_backend
from bark_core.checkpoints import Checkpoint, open_checkpoint
from bark_core.checkpoints.suno_directory import TransformerStage, is_suno, open_suno
from bark_core.errors import ConfigError
from bark_core.offline import OfflineModel

_log = logging.getLogger(__name__)

CHECKPOINT_VARIABLE = "BARKSTREAM_CHECKPOINT"
SUNO_SMALL_VARIABLE = "SUNO_USE_SMALL_MODELS"
SMALL_CHECKPOINT = "suno/bark-small"
DEFAULT_CHECKPOINT = "embedded"
_TRUE = ("true", "1", "t")
_ALL: frozenset[TransformerStage] = frozenset({"semantic", "coarse", "fine"})


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, where.

    Attributes:
        checkpoint: Specification for ``open_checkpoint``; None: from the environment.
        small: Stages whose small model is wanted.
        device: For the back end.
        dtype: Likewise; "auto" is float32 on the CPU, where 8 bits would draw other tokens than
            Suno's code.
    """

    checkpoint: str | None = None
    small: frozenset[TransformerStage] = frozenset()
    device: str = "auto"
    dtype: str = "auto"

    def open(self, environment: Mapping[str, str]) -> Checkpoint:
        """Find the checkpoint.

        Raises:
            CheckpointError: It is not there or damaged.
            ConfigError: Sizes are to be mixed where only one is to be had.
        """
        small = self.small
        if environment.get(SUNO_SMALL_VARIABLE, "").lower() in _TRUE:
            small = _ALL
        spec = self.checkpoint or environment.get(CHECKPOINT_VARIABLE)
        if spec is not None:
            directory = Path(spec).expanduser()
            if small and is_suno(directory):
                return open_suno(directory.absolute(), directory.name, small=small)
            return open_checkpoint(spec)
        if small not in (frozenset(), _ALL):
            raise ConfigError(
                f"small and large stages can be mixed only in a directory with Suno's .pt files: "
                f"name it in {CHECKPOINT_VARIABLE}"
            )
        return open_checkpoint(SMALL_CHECKPOINT if small else DEFAULT_CHECKPOINT)


@dataclass(slots=True)
class ModelCache:
    """At most one loaded model. Thread-safe; loads when it is first asked for."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _choice: ModelChoice = field(default_factory=ModelChoice)
    _model: OfflineModel | None = None

    def get(self) -> OfflineModel:
        """The model, loaded now if it is not yet.

        Raises:
            SetupError: It cannot be loaded.
        """
        with self._lock:
            return self._get()

    def choose(self, choice: ModelChoice, *, force_reload: bool = False) -> OfflineModel:
        """Load another model, unless the present one was chosen the same way.

        Raises:
            SetupError: It cannot be found; then the present one stays. Or it cannot be loaded; the
                present one has been freed by then, as both might not fit into memory.
        """
        with self._lock:
            if choice == self._choice and not force_reload:
                return self._get()
            checkpoint = choice.open(os.environ)
            self._drop()
            model = _load(checkpoint, choice)
            self._choice, self._model = choice, model
            return model

    def clear(self) -> None:
        """Free the model; the next call loads it again."""
        with self._lock:
            self._drop()

    def _get(self) -> OfflineModel:
        if self._model is None:
            self._model = _load(self._choice.open(os.environ), self._choice)
        return self._model

    def _drop(self) -> None:
        if self._model is not None:
            self._model.close()
            self._model = None


def _load(checkpoint: Checkpoint, choice: ModelChoice) -> OfflineModel:
    if checkpoint.notice:
        _log.warning("%s: %s", checkpoint.name, checkpoint.notice)
    backend, dtype = choose_backend(choice.device, choice.dtype), choice.dtype
    if backend == "onnx" and dtype == "auto":
        dtype = "float32"
    spec = BackendSpec(checkpoint, backend=backend, device=choice.device, dtype=dtype, slots=1)
    return OfflineModel(checkpoint, create_backend(spec))
