"""Tenants: who shares the server, who goes first, and how much of it each may have at once.

The caller's metadata names its tenant. Nothing here proves that it may: whoever can reach the port
can claim any name, so a proxy that knows its callers has to set the key and strip what they sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bark_core.errors import CapacityError, ConfigError
from barkstream_server.toml_file import read_toml

TENANT_KEY = "x-barkstream-tenant"
DEFAULT = "default"
PRIORITIES: Mapping[str, int] = {"low": -1, "normal": 0, "high": 1}
MAX_TENANTS = 10_000
LIMIT_RETRY_S = 1.0
"""A tenant's own calls end when it wants them to: nobody else can say when to come back."""


@dataclass(frozen=True, slots=True)
class TenantLimits:
    """What a tenant may have. The file's keys.

    Attributes:
        priority: Who goes first in line: "high" before "normal" before "low".
        max_sessions: Speech calls open at once; None: any number.
        max_utterances: Texts that are spoken, or wait to be, at once; None: any number. What is
            made ahead of one text is not counted.
    """

    priority: str = "normal"
    max_sessions: int | None = None
    max_utterances: int | None = None


class Tenant:
    """A tenant, and what it has at the moment. Belongs to the event loop.

    Args:
        name: For messages.
        limits: What it may have.
    """

    def __init__(self, name: str, limits: TenantLimits) -> None:
        self.name = name
        self.priority = PRIORITIES[limits.priority]
        self._limits = limits
        self._sessions = 0
        self._utterances = 0

    def enter(self) -> None:
        """A speech call begins.

        Raises:
            CapacityError: It has as many as it may (``TENANT_SESSION_LIMIT``).
        """
        self._check(self._sessions, self._limits.max_sessions, "max_sessions", "SESSION")
        self._sessions += 1

    def leave(self) -> None:
        """A speech call has ended."""
        self._sessions -= 1

    def begin(self) -> None:
        """A text is to be spoken.

        Raises:
            CapacityError: As many are as may be (``TENANT_UTTERANCE_LIMIT``).
        """
        self._check(self._utterances, self._limits.max_utterances, "max_utterances", "UTTERANCE")
        self._utterances += 1

    def end(self) -> None:
        """It is spoken, or given up."""
        self._utterances -= 1

    def _check(self, count: int, limit: int | None, key: str, what: str) -> None:
        if limit is not None and count >= limit:
            raise CapacityError(
                f"tenant {self.name} has {count} at once, as many as its {key} allows; wait until "
                "one of its own ends, or ask the operator for more",
                retry_after_s=LIMIT_RETRY_S,
                reason=f"TENANT_{what}_LIMIT",
            )


class Tenants:
    """All of them. Names that are not configured are one tenant together, the default.

    Args:
        limits: By name; ``default`` may be among them.
    """

    def __init__(self, limits: Mapping[str, TenantLimits] | None = None) -> None:
        known = {DEFAULT: TenantLimits(), **(limits or {})}
        self._tenants = {name: Tenant(name, allowed) for name, allowed in known.items()}

    @classmethod
    def load(cls, path: Path | None) -> Tenants:
        """Read a TOML file: a table of `TenantLimits` for each name. None: nobody is limited.

        Raises:
            ConfigError: It cannot be read, or says what is not understood.
        """
        if path is None:
            return cls()
        tables = read_toml(path, "a file of tenants")
        if len(tables) > MAX_TENANTS:
            raise ConfigError(f"{path} names more than {MAX_TENANTS} tenants")
        return cls({name: _limits(f"{name} in {path}", table) for name, table in tables.items()})

    def of(self, name: str) -> Tenant:
        """The tenant of that name; the default where there is none."""
        return self._tenants.get(name, self._tenants[DEFAULT])


def _limits(where: str, table: Any) -> TenantLimits:
    known = [item.name for item in fields(TenantLimits)]
    if not isinstance(table, dict) or not set(table) <= set(known):
        raise ConfigError(f"tenant {where} must be a table with keys among {', '.join(known)}")
    for key in ("max_sessions", "max_utterances"):
        value = table.get(key, 1)
        if type(value) is not int or value < 0:
            raise ConfigError(f"{key} of tenant {where} must be a whole number from 0")
    if table.get("priority", "normal") not in PRIORITIES:
        raise ConfigError(f"priority of tenant {where} must be one of {', '.join(PRIORITIES)}")
    return TenantLimits(**table)
