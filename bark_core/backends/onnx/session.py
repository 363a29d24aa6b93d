"""Sessions of ONNX Runtime, and arrays bound to them without copies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bark_core.backends.onnx import layout
from bark_core.backends.onnx.runtime import onnxruntime
from bark_core.errors import CheckpointError, EngineFailureError

# Its errors are raised as well, so printing them would only repeat them.
_FATAL_ONLY = 4
_SPIN_US = "50"


def open_session(path: Path, threads: int, *, same_shapes: bool) -> Any:
    """An ``onnxruntime.InferenceSession`` whose threads sleep soon after their work.

    Args:
        path: The graph; its data file is mapped into memory.
        threads: For one operator.
        same_shapes: Few distinct input shapes will come, so a plan of the memory for each pays.

    Raises:
        CheckpointError: The graph is damaged or this ONNX Runtime cannot run it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = same_shapes
    options.log_severity_level = _FATAL_ONLY
    # Within a step operators follow each other closer than a thread wakes up. Longer spinning
    # would take a core from the server and cost as much idle as busy.
    options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_US)
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
        raise CheckpointError(
            f"ONNX Runtime {onnxruntime.__version__} cannot open {path.name}: remove "
            f"{path.parent} so that it is converted again"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """Arrays tied to the inputs and outputs of a session. Keeps what it is given alive."""

    session: Any
    bound: Any
    arrays: dict[str, NDArray[Any]]

    @staticmethod
    def of(session: Any) -> Binding:
        """Nothing bound yet."""
        return Binding(session, session.io_binding(), {})

    def input(self, name: str, array: NDArray[Any]) -> None:
        """The session reads ``array`` at each run."""
        self._bind(self.bound.bind_input, name, array)

    def output(self, name: str, array: NDArray[Any]) -> None:
        """The session writes into ``array``."""
        self._bind(self.bound.bind_output, name, array)

    def run(self) -> None:
        """Run the session on what is bound.

        Raises:
            EngineFailureError: ONNX Runtime failed.
        """
        try:
            self.session.run_with_iobinding(self.bound)
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise run_failure() from error

    def _bind(self, bind: Any, name: str, array: NDArray[Any]) -> None:
        assert array.flags.c_contiguous, name
        bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        self.arrays[name] = array


def run_failure() -> EngineFailureError:
    """What to raise when a session's run raises."""
    return EngineFailureError(
        f"ONNX Runtime {onnxruntime.__version__} failed to run the model; its own message is in "
        "the cause of this error. If it happens again, try the torch back end"
    )


@dataclass(frozen=True, slots=True)
class GraphDirectory:
    """A finished conversion on disk."""

    path: Path

    def table(self, file: str) -> NDArray[np.float32]:
        """A table, memory-mapped: only rows that are read come into memory."""
        mapped = np.load(self.path / file, mmap_mode="r", allow_pickle=False)
        array: NDArray[np.float32] = np.asarray(mapped)  # a plain one is quicker to take rows of
        return array

    def session(self, file: str, threads: int, *, same_shapes: bool = False) -> Any:
        """A session of a graph."""
        return open_session(self.path / file, threads, same_shapes=same_shapes)

    def has(self, file: str) -> bool:
        """Whether there is such a file."""
        return (self.path / file).exists()


def input_shapes(session: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs whose size does not vary."""
    return {
        node.name: tuple(node.shape)
        for node in session.get_inputs()
        if all(isinstance(size, int) for size in node.shape)
    }


def input_dtype(session: Any, name: str) -> type[np.float32 | np.int8]:
    """Of an input's numbers."""
    kind = next(node.type for node in session.get_inputs() if node.name == name)
    return np.int8 if kind == "tensor(int8)" else np.float32


def new_name(state: str) -> str:
    """Name of the output that replaces a state."""
    return f"{layout.NEW}{state}"


def output_width(session: Any, name: str) -> int:
    """Last dimension of an output."""
    width: int = next(node.shape[-1] for node in session.get_outputs() if node.name == name)
    return width
