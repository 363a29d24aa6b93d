"""Write ``docs/modules.md``: one line a module, from the modules' own docstrings. ``make docs``."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "modules.md"
PACKAGES = {
    "bark_core": "The engine. Knows nothing of gRPC, protobuf or asyncio.",
    "server/barkstream_server": "The only place where gRPC and bark_core meet.",
    "clients/python/barkstream_client": "Needs grpcio, protobuf and numpy only.",
    "training": "How the embedded voice is made. Nothing at run time imports it.",
    "bench": "The commands behind published figures.",
}


def first_line(path: Path) -> str:
    """First sentence of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return docstring.split("\n\n", 1)[0].replace("\n", " ").strip()


def render() -> str:
    """The whole document."""
    lines = ["# Modules", "", "Made by `make docs` from the modules' docstrings."]
    for package, purpose in PACKAGES.items():
        lines += ["", f"## {package}", "", purpose, "", "| module | what it is |", "|---|---|"]
        root = ROOT / package
        for path in sorted(root.rglob("*.py"), key=lambda path: (path.parent, path.name)):
            text = first_line(path)
            if text:
                lines.append(f"| `{path.relative_to(root)}` | {text.replace('|', '/')} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else OUT).write_text(render())
