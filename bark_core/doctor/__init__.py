"""Examines an installation: machine, libraries, checkpoints, and whether a model computes right."""

from bark_core.doctor.examination import examine
from bark_core.doctor.report import (
    Check,
    Device,
    DoctorReport,
    FoundCheckpoint,
    OpenedCheckpoint,
    Package,
)

__all__ = [
    "Check",
    "Device",
    "DoctorReport",
    "FoundCheckpoint",
    "OpenedCheckpoint",
    "Package",
    "examine",
]
