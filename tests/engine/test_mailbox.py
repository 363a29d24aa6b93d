"""Commands on their way: ordered, and bounded whatever callers do."""

import threading

from bark_core.engine.calls import Calls
from bark_core.engine.commands import Abort, Command, ReportPlayback, Submit
from bark_core.engine.mailbox import MAX_REPORTS, Mailbox
from tests.support.requests import request


def test_submissions_and_aborts_keep_their_order() -> None:
    mailbox = Mailbox()
    orders: list[Command] = [Submit(request("a"), 1.0), Abort(("a",)), Submit(request("b"), 2.0)]
    for order in orders:
        mailbox.put(order)
    assert mailbox.take(0) == orders
    assert mailbox.take(0) == []


def test_of_the_reports_the_latest_counts() -> None:
    mailbox = Mailbox()
    for i in range(3 * MAX_REPORTS):
        mailbox.put(ReportPlayback("s", float(i)))
    assert mailbox.take(0) == [ReportPlayback("s", 3 * MAX_REPORTS - 1.0)]
    for i in range(3 * MAX_REPORTS):
        mailbox.put(ReportPlayback(f"s{i}", 1.0))
    reports = mailbox.take(0)
    assert reports is not None
    assert len(reports) == MAX_REPORTS
    assert reports[-1] == ReportPlayback(f"s{3 * MAX_REPORTS - 1}", 1.0)


def test_a_waiting_thread_is_woken() -> None:
    mailbox = Mailbox()
    timer = threading.Timer(0.05, lambda: mailbox.put(Abort(("a",))))
    timer.start()
    assert mailbox.take(60.0) == [Abort(("a",))]
    timer = threading.Timer(0.05, mailbox.stop)
    timer.start()
    assert mailbox.take(60.0) is None
    assert mailbox.take(0) is None
    timer.join()


def test_an_utterance_is_aborted_once() -> None:
    calls = Calls()
    calls.open("a", lambda events: None, limit=2)
    assert calls.begin_abort(["a", "unknown", "a"]) == ("a",)
    assert calls.begin_abort(["a"]) == ()
