"""Whose the machine's time is."""

import math

import pytest

from bark_core.engine.machine_time import MachineTime, Spent


def test_one_by_one_what_lies_between_belongs_to_the_second() -> None:
    time = MachineTime()
    time.begin("coarse", 10.0)
    assert time.busy_since_s == 10.0
    assert time.end("coarse", 12.0) == Spent(10.0, 2.0, 2.0, 2.0)
    assert math.isinf(time.busy_since_s)
    time.begin("fine", 12.5)
    assert time.end("fine", 13.5) == Spent(12.5, 1.0, 1.5, 1.5)


def test_rest_is_nobodys() -> None:
    time = MachineTime()
    time.begin("coarse", 10.0)
    time.end("coarse", 12.0)
    time.rest()
    time.begin("coarse", 20.0)
    assert time.end("coarse", 21.0).share_s == 1.0


def test_side_by_side_time_is_shared() -> None:
    time = MachineTime()
    time.begin("fine", 0.0)
    time.begin("coarse", 2.0)
    time.rest()  # nothing else to do, but two run
    assert time.busy_since_s == 0.0
    coarse = time.end("coarse", 4.0)
    time.begin("coarse", 4.0)
    fine = time.end("fine", 7.0)
    second = time.end("coarse", 10.0)
    assert coarse == Spent(2.0, 2.0, 2.0, 1.0)
    assert fine == Spent(0.0, 7.0, 7.0, 2.0 + 1.0 + 1.5)
    assert second == Spent(4.0, 6.0, 6.0, 1.5 + 3.0)
    assert coarse.share_s + fine.share_s + second.share_s == pytest.approx(10.0)


def test_a_gap_beside_a_batch_is_that_batchs() -> None:
    time = MachineTime()
    time.begin("fine", 0.0)
    time.begin("coarse", 0.0)
    time.end("coarse", 2.0)
    time.begin("coarse", 3.0)
    assert time.end("coarse", 3.0).share_s == 0.0
    assert time.end("fine", 3.0).share_s == 2.0
