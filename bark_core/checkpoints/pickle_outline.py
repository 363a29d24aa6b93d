"""Reads the plain values out of a ``torch.save`` file without executing anything.

A PyTorch archive is a zip file whose ``data.pkl`` describes the saved object; the tensors lie
beside it. Suno's files declare their sizes in there (``model_args``), and those are wanted before,
and without, loading the weights. ``pickletools`` parses the opcodes; the machine below keeps the
plain values and stands in an inert marker for whatever the pickle would have built by a call. It
imports and calls nothing that the file names, and refuses names that no Bark checkpoint needs.

Opcodes: Python's ``pickletools``; archive: PyTorch's ``torch/serialization.py``.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bark_core.errors import CheckpointError

MAX_PICKLE_BYTES = 64 * 1024 * 1024
MAX_OPCODES = 5_000_000

ALLOWED_GLOBALS = frozenset(
    {
        "_codecs encode",
        "collections OrderedDict",
        "numpy dtype",
        "numpy._core.multiarray scalar",
        "numpy.core.multiarray scalar",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_tensor_v2",
        *(
            f"torch {kind}Storage"
            for kind in ("BFloat16", "Bool", "Byte", "Double", "Float", "Half", "Int", "Long")
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Inert:
    """Stands for a value that only a call would make, such as a tensor."""

    kind: str


class _Mark:
    """Where a variable number of items begins on the stack."""


def read_outline(path: Path) -> object:
    """The saved object with ``Inert`` in place of everything that is not plain data.

    Raises:
        CheckpointError: Not such an archive, damaged, too large, or it names something unsafe.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith("/data.pkl")]
            if len(members) != 1 or members[0].file_size > MAX_PICKLE_BYTES:
                raise CheckpointError(f"{path} is not a checkpoint saved by torch.save")
            with archive.open(members[0]) as file:
                pickle_bytes = file.read(MAX_PICKLE_BYTES + 1)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        # zipfile: the last two for an unknown compression method and for encryption.
        raise CheckpointError(
            f"{path} is not a readable torch archive ({error}); fetch it again"
        ) from error
    try:
        return _Machine(path).run(pickle_bytes)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: the pickle inside is damaged ({error})") from error


@dataclass(slots=True)
class _Machine:
    """The stack and memo of the pickle protocol over plain values."""

    path: Path
    stack: list[object] = field(default_factory=list)
    memo: dict[int, object] = field(default_factory=dict)

    def run(self, pickle_bytes: bytes) -> object:
        """Interpret until STOP."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(pickle_bytes)):
            if count > MAX_OPCODES:
                raise CheckpointError(f"{self.path}: the pickle inside is too long")
            if opcode.name == "STOP":
                return self.stack.pop()
            self._step(opcode.name, argument)
        raise ValueError("no end")

    def _step(self, name: str, argument: object) -> None:
        if name in _IGNORED:
            return
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _MAKERS:
            self.stack.append(_MAKERS[name]())
        elif name in _TUPLE_SIZES:
            size = _TUPLE_SIZES[name]
            items = self.stack[len(self.stack) - size :]
            del self.stack[len(self.stack) - size :]
            self.stack.append(tuple(items))
        elif name in _COLLECTORS:
            self.stack.append(_COLLECTORS[name](self._pop_to_mark()))
        else:
            self._step_items(name, argument)

    def _step_items(self, name: str, argument: object) -> None:
        match name:
            case "SETITEM":
                value, key = self.stack.pop(), self.stack.pop()
                self._set_items([key, value])
            case "SETITEMS":
                self._set_items(self._pop_to_mark())
            case "APPEND":
                self._extend([self.stack.pop()])
            case "APPENDS" | "ADDITEMS":
                self._extend(self._pop_to_mark())
            case "POP":
                self.stack.pop()
            case "POP_MARK":
                self._pop_to_mark()
            case "DUP":
                self.stack.append(self.stack[-1])
            case _:
                self._step_object(name, argument)

    def _step_object(self, name: str, argument: object) -> None:
        match name:
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[_index(argument)] = self.stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[_index(argument)])
            case "GLOBAL":
                self.stack.append(self._global(str(argument)))
            case "STACK_GLOBAL":
                attribute, module = self.stack.pop(), self.stack.pop()
                self.stack.append(self._global(f"{module} {attribute}"))
            case "BINPERSID":
                self.stack.pop()
                self.stack.append(Inert("storage"))
            case "REDUCE" | "NEWOBJ":
                self.stack.pop()  # the arguments of a call that is not made
                self._call()
            case "BUILD":
                self.stack.pop()  # the state of an object that is not built
            case _:
                raise CheckpointError(
                    f"{self.path}: the pickle inside uses {name}, which no Bark checkpoint needs; "
                    "refused as unsafe"
                )

    def _global(self, name: str) -> Inert:
        if name not in ALLOWED_GLOBALS:
            raise CheckpointError(
                f"{self.path} refers to {name.replace(' ', '.')[:100]!r}, which no Bark checkpoint "
                "needs; refused as unsafe. Use the published files or safetensors"
            )
        return Inert(name)

    def _call(self) -> None:
        called = self.stack.pop()
        if not isinstance(called, Inert):
            raise TypeError("a call of something that is not a function")
        made: object = Inert(f"result of {called.kind}")
        self.stack.append({} if called.kind == "collections OrderedDict" else made)

    def _pop_to_mark(self) -> list[object]:
        items: list[object] = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        items.reverse()
        return items

    def _set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(_pairs(items))
        elif not isinstance(target, Inert):
            raise TypeError("items set on something that is not a dict")

    def _extend(self, items: list[object]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Inert):
            raise TypeError("items appended to something that is not a list")


def _pairs(items: list[object]) -> dict[object, object]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _index(argument: object) -> int:
    if not isinstance(argument, int):
        raise TypeError("a memo index that is not a number")
    return argument


_IGNORED = frozenset({"PROTO", "FRAME"})
_LITERALS = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    }
)
_TUPLE_SIZES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MAKERS: dict[str, Callable[[], object]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_SET": lambda: Inert("set"),
    "MARK": _Mark,
    "NEWFALSE": lambda: False,
    "NEWTRUE": lambda: True,
    "NONE": lambda: None,
}
_COLLECTORS: dict[str, Callable[[list[object]], object]] = {
    "DICT": _pairs,
    "FROZENSET": lambda _: Inert("set"),
    "LIST": list,
    "TUPLE": tuple,
}
