"""What a soak finds wrong."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.soak.plan import CallPlan

# More of the same tell nothing new.
MAX_FINDINGS = 200

# What the server may log when its engine was killed on purpose.
_OF_KILLS = "the engine died, next start"


@dataclass(slots=True)
class Findings:
    """All of them, and how calls ended."""

    problems: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, problem: str) -> None:
        """Something is wrong."""
        if len(self.problems) < MAX_FINDINGS:
            self.problems.append(problem)

    def add_call(self, plan: CallPlan, problem: str) -> None:
        """A call went wrong; names it so that it can be made again."""
        self.ends[f"{plan.kind}: WRONG"] += 1
        self.add(f"call {plan.number} ({plan.kind}, seed {plan.seed}): {problem}")

    def ended(self, plan: CallPlan, end: str) -> None:
        """A call ended as it may."""
        self.ends[f"{plan.kind}: {end}"] += 1

    def read_log(self, path: Path) -> None:
        """Everything that the server complained of, but for killed engines."""
        for line in path.read_text(errors="replace").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                self.add(f"the server wrote: {line}")
                continue
            event = str(record.get("event"))
            if record.get("level") == "warning" and event == "engine":
                continue
            if not event.startswith(_OF_KILLS) and event != "checkpoint":
                self.add(f"the server logged: {line}")
