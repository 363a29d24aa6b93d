"""The tools that keep the repository in order agree with it."""

from __future__ import annotations

import filecmp
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str) -> None:
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
        ("buf", "lint"),
        ("buf", "format", "--diff", "--exit-code", "proto"),
        ("buf", "breaking", "--against", "proto/barkstream-v1.binpb"),
    ],
    ids=" ".join,
)
def test_tool_is_content(command: tuple[str, ...]) -> None:
    run(str(BIN / command[0]), *command[1:])


def test_generated_code_is_fresh(tmp_path: Path) -> None:
    run(sys.executable, "tools/generate_proto.py", str(tmp_path))
    committed = ROOT / "proto" / "gen" / "python"

    def files(root: Path) -> dict[Path, Path]:
        return {
            path.relative_to(root): path
            for path in root.rglob("*")
            if path.is_file() and path.suffix in {".py", ".pyi", ".typed"}
        }

    fresh, kept = files(tmp_path), files(committed)
    assert fresh.keys() == kept.keys(), "run `make proto`"
    stale = [str(name) for name in fresh if not filecmp.cmp(fresh[name], kept[name], shallow=False)]
    assert not stale, f"run `make proto`: {stale}"


def test_list_of_modules_is_fresh(tmp_path: Path) -> None:
    fresh = tmp_path / "modules.md"
    run(sys.executable, "tools/list_modules.py", str(fresh))
    assert fresh.read_text() == (ROOT / "docs" / "modules.md").read_text(), "run `make docs`"


def test_no_room_is_too_large() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert listed
    sizes = {
        name: len((ROOT / name).read_text().splitlines())
        for name in listed
        if not name.startswith("proto/gen/") and (ROOT / name).exists()
    }
    assert {name: size for name, size in sizes.items() if size > 400} == {}
