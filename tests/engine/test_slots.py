"""What a batch under way works on is neither cleared nor given on."""

from bark_core.engine.slots import Slots


def test_given_back_it_is_free_and_cleared() -> None:
    slots = Slots(2)
    assert [slots.take(), slots.take()] == [0, 1]
    assert slots.free == 0
    slots.give_back(1)
    assert (slots.free, slots.leaving) == (1, 0)
    assert slots.take_unclean() == (1,)
    assert slots.take_unclean() == ()
    assert slots.take() == 1


def test_given_back_with_rows_in_two_batches_it_waits_for_both() -> None:
    slots = Slots(2)
    slot = slots.take()
    slots.depart([slot])
    slots.depart([slot])
    slots.give_back(slot)
    assert (slots.free, slots.leaving) == (1, 1)
    assert slots.take_unclean() == ()
    slots.land([slot])
    assert (slots.free, slots.leaving) == (1, 1)
    slots.land([slot])
    assert (slots.free, slots.leaving) == (2, 0)
    assert slots.take_unclean() == (slot,)


def test_soiled_it_is_cleared_once_nothing_works_on_it() -> None:
    slots = Slots(1)
    slot = slots.take()
    slots.depart([slot])
    slots.soil(slot)
    assert not slots.is_clean(slot)
    assert slots.take_unclean() == ()
    assert not slots.is_clean(slot)
    slots.land([slot])
    assert slots.take_unclean() == (slot,)
    assert slots.is_clean(slot)
    assert slots.free == 0
