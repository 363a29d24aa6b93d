"""What an examination finds. Plain frozen data, for a program to print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """A library.

    Attributes:
        name: Distribution name.
        version: None: not installed.
        purpose: What it is needed for.
        install: The command that installs it.
        required: Nothing can be spoken without it.
        runs_models: It is one of those of which one is required.
    """

    name: str
    version: str | None
    purpose: str
    install: str
    required: bool
    runs_models: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """Something that a model can run on.

    Attributes:
        name: As the ``device`` option takes it: "cpu", "cuda:0", "mps".
        description: For people.
        memory_bytes: Its memory, if known.
    """

    name: str
    description: str
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class FoundCheckpoint:
    """A checkpoint on this machine.

    Attributes:
        spec: What to give to ``--checkpoint``.
        origin: Where it was found: "package", "hub cache", "Suno's cache", "environment".
        problem: Why it cannot be used, or "".
    """

    spec: str
    origin: str
    problem: str


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """The checkpoint under examination.

    Attributes:
        spec: As asked for.
        name: Its name, or "" if it could not be opened.
        layers: Layers of the semantic, coarse and fine transformer.
        width: Width of the semantic transformer.
        voices: How many.
        default_voice: Name, or None.
        is_noise: It is the random model.
        notice: What the user should know about it, or "".
        problem: Why it could not be opened, or "".
    """

    spec: str
    name: str = ""
    layers: tuple[int, int, int] = (0, 0, 0)
    width: int = 0
    voices: int = 0
    default_voice: str | None = None
    is_noise: bool = False
    notice: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One test of the model.

    Attributes:
        name: What was tested.
        passed: It came out as it must.
        detail: What was seen; after a failure, also what to do.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything found.

    Attributes:
        machine: System, processor, Python.
        cores: Processor cores that this process may use.
        packages: Libraries.
        devices: What a model can run on.
        found: Checkpoints on this machine.
        checkpoint: The one under examination.
        checks: Tests of it; empty if they were not asked for or it could not be opened.
    """

    machine: str
    cores: int
    packages: tuple[Package, ...]
    devices: tuple[Device, ...]
    found: tuple[FoundCheckpoint, ...]
    checkpoint: OpenedCheckpoint
    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Required libraries are there, the checkpoint opens and every check passed."""
        installed = [package for package in self.packages if package.version is not None]
        return (
            all(package in installed for package in self.packages if package.required)
            and any(package.runs_models for package in installed)
            and not self.checkpoint.problem
            and all(check.passed for check in self.checks)
        )
