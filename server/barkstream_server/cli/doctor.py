"""``barkstream doctor``: checks machine, libraries and a checkpoint, and says what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from bark_core.doctor import DoctorReport, OpenedCheckpoint, examine

NAME = "doctor"
HELP = "check devices, checkpoints and versions"

EXIT_PROBLEM = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--checkpoint",
        default="embedded",
        help='"embedded" (default), "noise", a directory or a hub id such as suno/bark-small',
    )
    parser.add_argument(
        "--backend",
        default="auto",
        help="auto (default: onnx on the CPU, torch on a GPU), onnx or torch",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or mps")
    parser.add_argument(
        "--dtype",
        default="auto",
        help="auto (default: int8 with onnx, float32 with torch on the CPU, and float32 for "
        "suno/bark, whose tokens are known), float32, int8, int4, or bfloat16 (torch)",
    )
    parser.add_argument("--fetch", action="store_true", help="download what is missing")
    parser.add_argument(
        "--no-run", action="store_true", help="do not load the model and speak with it"
    )


def run(args: argparse.Namespace) -> int:
    """Print the findings; 1 if the checkpoint cannot be used."""
    report = examine(
        args.checkpoint,
        backend=args.backend,
        device=args.device,
        dtype=args.dtype,
        run_model=not args.no_run,
        offline=not args.fetch,
    )
    for line in _lines(report):
        print(line)
    return 0 if report.healthy else EXIT_PROBLEM


def _lines(report: DoctorReport) -> Iterator[str]:
    yield f"machine      {report.machine}, {report.cores} cores"
    for device in report.devices:
        yield f"device       {device.name}: {device.description}"
    for package in report.packages:
        missing = f"not installed ({package.purpose}): {package.install}"
        yield f"package      {package.name} {package.version or missing}"
    for found in report.found:
        yield f"checkpoint   {found.spec} ({found.origin}){_because(found.problem)}"
    yield f"examined     {_opened(report.checkpoint)}"
    for check in report.checks:
        verdict = "ok" if check.passed else "FAILED"
        yield f"check        {check.name}: {verdict}, {check.detail}"


def _opened(opened: OpenedCheckpoint) -> str:
    if opened.problem:
        return f"{opened.spec}{_because(opened.problem)}"
    size = f"{'+'.join(map(str, opened.layers))} layers, {opened.width} wide"
    notice = f". Note: {opened.notice}" if opened.notice else ""
    return f"{opened.name}: {size}, {opened.voices} voices{notice}"


def _because(problem: str) -> str:
    return f": NOT USABLE, {problem}" if problem else ""
