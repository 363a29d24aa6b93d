"""Window policies by name, so that several can be compared in one alternating run."""

from __future__ import annotations

from dataclasses import replace

from bark_core.options import ExactWindows, LowLatencyWindows, WindowPolicy

PRESETS: dict[str, WindowPolicy] = {"exact": ExactWindows(), "low-latency": LowLatencyWindows()}

_TUPLES = frozenset({"ramp_frames", "coarse_ramp_steps"})
_OPTIONAL = frozenset({"coarse_history_tokens", "coarse_ramp_steps"})


def windows_of(name: str) -> WindowPolicy:
    """The policy that a name stands for.

    Args:
        name: A preset, or ``option=value`` pairs of ``LowLatencyWindows`` joined by commas, over
            its defaults. Several numbers are joined by hyphens; ``none`` is the checkpoint's own:
            ``coarse_history_tokens=300,coarse_ramp_steps=60-120-240``.

    Raises:
        ValueError: There is no such preset or option, or a value is no number.
        OptionError: A value is out of range.
    """
    if name in PRESETS:
        return PRESETS[name]
    changes: dict[str, int | tuple[int, ...] | None] = {}
    for pair in name.split(","):
        option, equals, value = pair.partition("=")
        if not equals or option not in LowLatencyWindows.__dataclass_fields__:
            raise ValueError(
                f"no windows {pair!r}: choose {' or '.join(PRESETS)}, or give option=value of "
                f"{', '.join(LowLatencyWindows.__dataclass_fields__)}"
            )
        changes[option] = _value(option, value)
    return replace(LowLatencyWindows(), **changes)  # type: ignore[arg-type]


def _value(option: str, value: str) -> int | tuple[int, ...] | None:
    try:
        if value == "none" and option in _OPTIONAL:
            return None
        if option in _TUPLES:
            return tuple(int(number) for number in value.split("-"))
        return int(value)
    except ValueError as error:
        raise ValueError(f"{option}={value}: not a number, or not several by hyphens") from error
