"""What the training curves are drawn from."""

import pytest

pytest.importorskip("torch")

from training.pictures import curve


def test_a_curve_has_the_lines_that_tell_of_it() -> None:
    lines = [
        {"step": 50, "risk": 0.5, "missed": 0.4},
        {"step": 100, "held_out_risk": 0.7},
        {"step": 150, "risk": 0.25},
    ]
    assert curve(lines, "risk") == ([50, 150], [0.5, 0.25])
    assert curve(lines, "held_out_risk") == ([100], [0.7])
    assert curve(lines, "phase") == ([], [])
