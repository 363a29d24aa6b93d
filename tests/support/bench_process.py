"""Benchmarks as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# For busy machines only; on a quiet one every command takes a minute or less.
PATIENCE_S = 900


def run_bench(module: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one, which must end well; ``variables`` go into its environment."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done
