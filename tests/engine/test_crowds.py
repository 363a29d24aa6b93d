"""Random crowds, in pretended time: nobody changes what another one says."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from bark_core.engine.request import Pacing
from bark_core.options import ExactWindows, LowLatencyWindows
from tests.support.requests import request
from tests.support.simulation import Simulation

LIVE = Pacing(max_lead_s=1.0, first_audio_target_s=1.0)

arrivals = st.lists(
    st.tuples(
        st.floats(0, 2.0),  # when
        st.integers(1, 12),  # how long
        st.sampled_from([None, 0.3, 2.0]),  # lead
        st.sampled_from(["own", "shared"]),  # stream
        st.booleans(),  # aborted half-way
    ),
    max_size=7,
)


@settings(max_examples=25, deadline=None)
@given(
    arrivals,
    st.integers(1, 4),
    st.sampled_from([ExactWindows(), LowLatencyWindows()]),
    st.tuples(st.integers(1, 4), st.booleans()),
    st.randoms(use_true_random=False),
)
def test_an_utterance_is_the_same_alone_and_among_others(
    others: list[tuple[float, int, float | None, str, bool]],
    slots: int,
    windows: ExactWindows | LowLatencyWindows,
    lanes: tuple[int, bool],
    jitter: random.Random,
) -> None:
    """Whoever comes and goes meanwhile, and in whatever order batches side by side end."""
    mine = request("mine", text_ids=8, windows=windows, keep_tokens=True, pacing=LIVE)
    alone = Simulation()
    alone.submit(mine)
    alone.run()
    crowd = Simulation(slots=slots, lanes=lanes[0], prefills_beside_steps=lanes[1], jitter=jitter)
    for i, (when, length, lead, stream, aborted) in enumerate(others):
        other = request(
            f"o{i}",
            text_ids=length,
            seed=i,
            index=i,
            stream_id="shared" if stream == "shared" else f"o{i}",
            pacing=Pacing(lead),
        )
        crowd.at(100.0 + when, lambda other=other: crowd.submit(other))  # type: ignore[misc]
        if aborted:
            crowd.at(100.5 + when, lambda i=i: crowd.abort(f"o{i}"))  # type: ignore[misc]
    crowd.at(100.7, lambda: crowd.submit(mine))
    crowd.run()
    assert crowd.pcm("mine").tobytes() == alone.pcm("mine").tobytes()
    found, expected = crowd.finished("mine").tokens, alone.finished("mine").tokens
    assert found is not None
    assert expected is not None
    assert found.fine.tobytes() == expected.fine.tobytes()
    for i in range(len(others)):
        crowd.end(f"o{i}")
    scheduler = crowd.loop._scheduler
    assert (scheduler.running, scheduler.waiting, scheduler.slots.free) == (0, 0, slots)
