"""What the speech methods share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from bark_core.engine.interface import Engine
from bark_core.speech import SpeechContext, SpeechFrontend
from bark_core.text.clean import check_characters
from bark_core.text.validate import check_length, validate_text
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.admission import Admission
from barkstream_server.bridge import Bridge, EngineAccess
from barkstream_server.call import Call
from barkstream_server.config import ServerConfig
from barkstream_server.convert.settings import SettingsReader, SpeechPlan
from barkstream_server.metrics import ServerMetrics
from barkstream_server.tenants import Tenant, Tenants

T = TypeVar("T")

# Checking more than this is left to a thread: it would hold up the event loop.
SHORT_TEXT_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class SpeechResources:
    """What the speech methods share.

    Attributes:
        config: The server's.
        frontend: The model, without its weights.
        engine: Makes the speech.
        admission: Who may come in.
        executor: Few threads for what would hold up the event loop.
        metrics: Counts what happens.
        tenants: Whose calls they are.
    """

    config: ServerConfig
    frontend: SpeechFrontend
    engine: Engine
    admission: Admission
    executor: Executor
    metrics: ServerMetrics
    tenants: Tenants

    async def read_plan(
        self, message: pb.SpeechConfig, *, path: str, live: bool, deadline_s: float | None
    ) -> SpeechPlan:
        """`SettingsReader.read`, off the event loop: it may load a voice from disk."""
        reader = SettingsReader(self.frontend, self.config)
        return await self.run(
            lambda: reader.read(message, path=path, live=live, deadline_s=deadline_s)
        )

    async def check_whole_text(self, text: str, limit: int) -> None:
        """Refuse a text that cannot be spoken before any work is done.

        Raises:
            TextError: Empty, too long, not text, nothing to say.
        """
        check_length(len(text), limit)
        if len(text) <= SHORT_TEXT_CHARACTERS:
            validate_text(text, limit)
        else:
            await self.run(lambda: validate_text(text, limit))

    async def check_more_text(self, text: str, before: int, limit: int) -> None:
        """Refuse a piece of a text before any of it is taken.

        Args:
            text: The piece.
            before: Code points of the text so far.
            limit: Most code points of the whole text.

        Raises:
            TextError: Too long together, or not text.
        """
        check_length(before + len(text), limit)
        if len(text) <= SHORT_TEXT_CHARACTERS:
            check_characters(text, before)
        else:
            await self.run(lambda: check_characters(text, before))

    async def run(self, work: Callable[[], T]) -> T:
        """Run blocking work on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, work)

    def tenant_of(self, call: Call) -> Tenant:
        """Whose call it is."""
        return self.tenants.of(call.tenant_name)

    def open_bridge(
        self, call: Call, context_id: str, plan: SpeechPlan, wake: Callable[[], None]
    ) -> Bridge:
        """A context of a call, ready for text."""
        context = SpeechContext(context_id, self.frontend, plan.settings, time.monotonic)
        access = EngineAccess(
            self.engine,
            asyncio.get_running_loop(),
            self.metrics.utterance_finished,
            self.tenant_of(call),
        )
        trace = call.trace.open_context(context, self.frontend, self.engine)
        return Bridge(context, access, wake, trace)
