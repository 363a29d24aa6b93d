"""The live contexts of one session."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from google.protobuf.message import Message

from bark_core.errors import BarkstreamError, CapacityError
from barkstream.v1 import speech_service_pb2 as pb
from barkstream_server.call import Call
from barkstream_server.convert.settings import SpeechPlan
from barkstream_server.incidents import recorded_failure
from barkstream_server.resources import SpeechResources
from barkstream_server.speaker import Speaker

# Ids whose contexts ended lately: late messages for them are no mistake.
MAX_REMEMBERED_IDS = 256


class Contexts:
    """Opens, finds and forgets contexts, and takes their messages in turn.

    Args:
        call: The session's RPC.
        resources: What the speech methods share.
        wake: Called when a context may have something to send.
    """

    def __init__(self, call: Call, resources: SpeechResources, wake: Callable[[], None]) -> None:
        self._call = call
        self._resources = resources
        self._wake = wake
        self._live: OrderedDict[str, Speaker] = OrderedDict()
        self._ended_ids: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[tuple[str, Speaker]]:
        return iter(tuple(self._live.items()))

    @property
    def busy(self) -> bool:
        """Something is being spoken."""
        return any(speaker.bridge.busy for speaker in self._live.values())

    def get(self, context_id: str) -> Speaker | None:
        """The context of an id, until its terminal message was taken."""
        return self._live.get(context_id)

    def ended_lately(self, context_id: str) -> bool:
        """The id had a context, which has ended, or was refused one."""
        return context_id in self._ended_ids

    def failed(self, error: BarkstreamError) -> pb.ContextFailed:
        """What the caller is told of a context that failed; counted, and logged where needed."""
        failure = recorded_failure(error, self._call.method)
        self._resources.metrics.context_failed(failure.code, failure.reason)
        return pb.ContextFailed(status=failure.status)

    def open(self, context_id: str, plan: SpeechPlan) -> Speaker:
        """A new context.

        Raises:
            CapacityError: The session has as many as it may.
            UnavailableError: The server takes no new speech.
        """
        self._resources.admission.check()
        most = self._resources.config.max_contexts_per_session
        if len(self._live) >= most:
            raise CapacityError(
                f"the session has {most} contexts; wait for a terminal event before opening more",
                reason="CONTEXT_LIMIT",
            )
        bridge = self._resources.open_bridge(self._call, context_id, plan, self._wake)
        speaker = Speaker(
            bridge,
            plan,
            self._resources.frontend,
            self._call,
            told=self.failed,
            started_s=bridge.opened_s,
        )
        self._live[context_id] = speaker
        self._wake()
        return speaker

    def pull(self) -> tuple[str, Message] | None:
        """The next message of any context; they take turns."""
        for context_id, speaker in self._live.items():
            message = speaker.pull()
            if message is not None:
                self._live.move_to_end(context_id)
                if speaker.ended:
                    self._live.pop(context_id).bridge.close()
                    self.note_end(context_id)
                return context_id, message
        return None

    def finish_all(self) -> None:
        """No more text will come for any context."""
        for speaker in tuple(self._live.values()):
            speaker.bridge.finish_if_open()

    def close(self) -> None:
        """Stop everything."""
        for speaker in self._live.values():
            speaker.bridge.close()
        self._live.clear()

    def note_end(self, context_id: str) -> None:
        """The caller is told that there is no context of this id: what crosses that is late."""
        self._ended_ids[context_id] = None
        self._ended_ids.move_to_end(context_id)
        while len(self._ended_ids) > MAX_REMEMBERED_IDS:
            self._ended_ids.popitem(last=False)
