"""Spans of the utterances of one text. They are made at the end, from what the engine reports."""

from __future__ import annotations

import time
from typing import assert_never

from opentelemetry.util.types import AttributeValue

from bark_core.engine.events import (
    TerminalEvent,
    UtteranceAborted,
    UtteranceFailed,
    UtteranceFinished,
    UtteranceReport,
)
from barkstream_server.errors import code_of
from barkstream_server.tracing.branch import Branch
from barkstream_server.tracing.failures import mark_failed


class UtteranceSpans:
    """Makes the spans of a context's utterances.

    Args:
        branch: Below the context's span.
        rate_hz: The model's sample rate.

    Attributes:
        underruns: Of all utterances that have ended.
        busy_s: Model time that they took part in.
    """

    def __init__(self, branch: Branch, rate_hz: int) -> None:
        self.underruns = 0
        self.busy_s = 0.0
        self._branch = branch
        self._rate_hz = rate_hz
        self._live: dict[str, tuple[int, float]] = {}  # index, moment of submission

    def submitted(self, utterance_id: str, index: int) -> None:
        """The engine has accepted an utterance."""
        self._live[utterance_id] = (index, time.monotonic())

    def ended(self, event: TerminalEvent) -> None:
        """The engine is through with it."""
        index, submitted_s = self._live.pop(event.utterance_id)
        report = event.report
        start_s = submitted_s if report is None else report.submitted_s
        end_s = time.monotonic() if report is None else start_s + report.total_s
        span = self._branch.start(
            "utterance",
            start_s,
            {"barkstream.index": index, "barkstream.end_reason": _end_reason(event)},
        )
        if report is not None:
            self.underruns += report.underruns
            self.busy_s += sum(stage.busy_s for stage in report.work)
            span.set_attributes(self._figures(report))
            _stages(self._branch.below(span), report)
        if isinstance(event, UtteranceFailed):
            mark_failed(span, code_of(type(event.error)), event.error.reason)
        self._branch.end(span, end_s)

    def _figures(self, report: UtteranceReport) -> dict[str, AttributeValue]:
        audio_s = report.samples / self._rate_hz
        figures: dict[str, AttributeValue] = {
            f"barkstream.{stage.stage}_tokens": stage.tokens
            for stage in report.work
            if stage.stage != "codec"
        }
        figures["barkstream.frames"] = report.frames
        figures["barkstream.audio_s"] = audio_s
        figures["barkstream.underruns"] = report.underruns
        if report.first_audio_s is not None:
            figures["barkstream.ttfa_s"] = report.first_audio_s
        if audio_s:
            busy_s = sum(stage.busy_s for stage in report.work)
            figures["barkstream.realtime_factor"] = busy_s / audio_s
        return figures


def _stages(branch: Branch, report: UtteranceReport) -> None:
    """The time in line and the stages; they overlap, because that is how Bark is streamed."""
    start_s = report.submitted_s
    queued = branch.start("queued", start_s, {})
    branch.end(queued, start_s + report.queued_s)
    for stage in report.work:
        made = "barkstream.frames" if stage.stage == "codec" else "barkstream.tokens"
        attributes: dict[str, AttributeValue] = {
            "barkstream.busy_s": stage.busy_s,
            "barkstream.batches": stage.batches,
            made: stage.tokens,
        }
        span = branch.start(stage.stage, start_s + stage.first_s, attributes)
        branch.end(span, start_s + stage.last_s)


def _end_reason(event: TerminalEvent) -> str:
    match event:
        case UtteranceFinished(report=report):
            return "cut_off" if report.hit_limit else "completed"
        case UtteranceAborted():
            return "aborted"
        case UtteranceFailed():
            return "failed"
        case _:
            assert_never(event)
