"""What is given up when time is short, in this order. Never tokens, never quality, never silently.

The measure is the time that the listener who runs dry first has to spare: what is left until then,
less the work until its next audio.
"""

from __future__ import annotations

from dataclasses import dataclass

PREFETCH_SLACK_S = 0.25
"""With less to spare, nothing is made ahead that nobody waits for yet."""

LATE_S = 0.0
"""With less than nothing to spare somebody runs dry: whoever can wait has to."""

AMPLE_S = 2.0
"""Whoever has so much to spare can wait: more than twice the longest piece of audio (0.8 s) that
anybody else may have to be given first."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What is still done.

    Attributes:
        prefetch: Utterances are made before their stream's listener waits for them.
        extend_leads: Streams whose listeners have ample audio in hand ride along in batches, and
            so get further ahead.
        queueing: Newcomers for whom there is no place may wait in line.
    """

    prefetch: bool = True
    extend_leads: bool = True
    queueing: bool = True


def measures(least_spare_s: float) -> Measures:
    """What is still done when the listener who runs dry first has so much to spare.

    1. Below ``PREFETCH_SLACK_S`` prefetching stops: it costs nobody anything but a head start.
    2. Below ``LATE_S`` leads of ``AMPLE_S`` or more are not extended: narrower batches are quicker.
    3. Then nobody may stand in line any more: newcomers are refused at once. That none of those
       in line begins meanwhile follows from the demand (see ``capacity``).

    Args:
        least_spare_s: inf where nobody listens.
    """
    return Measures(
        prefetch=least_spare_s >= PREFETCH_SLACK_S,
        extend_leads=least_spare_s >= LATE_S,
        queueing=least_spare_s >= LATE_S,
    )
