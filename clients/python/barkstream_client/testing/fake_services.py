"""The methods of the fake server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from barkstream.v1 import audio_pb2, server_service_pb2, voice_service_pb2
from barkstream.v1 import speech_service_pb2 as pb
from barkstream.v1.server_service_pb2_grpc import ServerServiceServicer
from barkstream.v1.speech_service_pb2_grpc import SpeechServiceServicer
from barkstream.v1.voice_service_pb2_grpc import VoiceServiceServicer
from barkstream_client.options import seconds
from barkstream_client.status import DETAILS_KEY
from barkstream_client.testing.fake_audio import wav_header
from barkstream_client.testing.fake_context import MAX_TEXT_CHARACTERS
from barkstream_client.testing.fake_session import FakeSession
from barkstream_client.testing.fake_speech import MODEL, NATIVE_RATE_HZ, FakeSpeech, effective
from barkstream_client.testing.fake_state import FakePerformer, FakeState
from barkstream_client.testing.fake_status import FakeStatusError, empty_text, invalid, not_found

MAX_SYNTHESIZE_CHARACTERS = 2_000
_DEFAULT_PAGE, _LARGEST_PAGE = 100, 1_000
_SHORTEST_INTERVAL_S, _LONGEST_INTERVAL_S = 0.1, 60.0
_SERVING, _NOT_SERVING = 1, 2
_ENCODINGS = (
    audio_pb2.AUDIO_ENCODING_PCM_S16LE,
    audio_pb2.AUDIO_ENCODING_PCM_F32LE,
    audio_pb2.AUDIO_ENCODING_MULAW,
    audio_pb2.AUDIO_ENCODING_ALAW,
    audio_pb2.AUDIO_ENCODING_WAV,
)

Context = grpc.aio.ServicerContext[Any, Any]


class FakeSpeechService(SpeechServiceServicer):
    """Speaks tones."""

    def __init__(self, state: FakeState, sessions: set[FakeSession]) -> None:
        self._state = state
        self._sessions = sessions

    async def Synthesize(  # noqa: N802 - the name of the method
        self, request: pb.SynthesizeRequest, context: Context
    ) -> pb.SynthesizeResponse:
        """Whole audio."""
        data = bytearray()

        async def collect(message: pb.SegmentStarted | pb.AudioChunk) -> None:
            if isinstance(message, pb.AudioChunk):
                data.extend(message.data)

        with self._call(request):
            try:
                speech = self._begin(request, MAX_SYNTHESIZE_CHARACTERS)
                performer = FakePerformer(self._state, speech, collect)
                await performer.perform(everything=True)
            except FakeStatusError as error:
                await _abort(context, error)
        audio = bytes(data)
        if speech.config.audio_format.encoding == audio_pb2.AUDIO_ENCODING_WAV:
            audio = wav_header(speech.rate_hz, 2 * speech.samples) + audio[44:]
        return pb.SynthesizeResponse(
            audio=audio,
            audio_format=speech.config.audio_format,
            segments=speech.placed,
            usage=speech.usage(),
            timing=speech.timing(),
            receipt=speech.receipt(),
        )

    async def StreamSynthesize(  # noqa: N802
        self, request: pb.StreamSynthesizeRequest, context: Context
    ) -> None:
        """Audio while it is made."""

        async def send(message: pb.SegmentStarted | pb.AudioChunk) -> None:
            if isinstance(message, pb.AudioChunk):
                await context.write(pb.StreamSynthesizeResponse(audio=message))
            else:
                await context.write(pb.StreamSynthesizeResponse(segment_started=message))

        with self._call(request):
            try:
                speech = self._begin(request, MAX_TEXT_CHARACTERS)
                await context.write(pb.StreamSynthesizeResponse(started=speech.started()))
                for place in self._state.script.queued:
                    await context.write(pb.StreamSynthesizeResponse(queued=speech.queued(*place)))
                await FakePerformer(self._state, speech, send).perform(everything=True)
            except FakeStatusError as error:
                await _abort(context, error)
            await context.write(pb.StreamSynthesizeResponse(completed=speech.completed()))

    async def Converse(  # noqa: N802
        self, requests: AsyncIterator[pb.ConverseRequest], context: Context
    ) -> None:
        """A session. No generator: one that is cancelled while it is suspended ends much later."""
        session = FakeSession(self._state, requests)
        self._sessions.add(session)
        with self._call():
            try:
                async for response in session.responses():
                    await context.write(response)
            except FakeStatusError as error:
                await _abort(context, error)
            finally:
                self._sessions.discard(session)
                # grpc.aio may cancel a second time here; the call counts as over all the same.
                await session.aclose()

    @contextmanager
    def _call(self, request: Message | None = None) -> Iterator[None]:
        if request is not None:
            self._state.received.append(request)
        self._state.live_calls += 1
        try:
            yield
        finally:
            self._state.live_calls -= 1

    def _begin(
        self, request: pb.SynthesizeRequest | pb.StreamSynthesizeRequest, longest: int
    ) -> FakeSpeech:
        if not request.text.strip():
            raise empty_text()
        if len(request.text) > longest:
            raise invalid("text is too long", reason="TEXT_TOO_LONG", field="text")
        state = self._state
        speech = FakeSpeech(effective(state.voices, state.script.chunk_s, request.config))
        speech.source.text = request.text
        return speech


class FakeVoiceService(VoiceServiceServicer):
    """Lists the voices it was given. The language is what follows the slash."""

    def __init__(self, state: FakeState) -> None:
        self._state = state

    async def ListVoices(  # noqa: N802
        self, request: voice_service_pb2.ListVoicesRequest, context: Context
    ) -> voice_service_pb2.ListVoicesResponse:
        """A page."""
        if request.page_token and not request.page_token.isdecimal():
            error = invalid("no such page", reason="OPTION_INVALID", field="page_token")
            await _abort(context, error)
        found = [
            voice
            for voice in map(self._voice, sorted(self._state.voices))
            if request.language_code in ("", voice.language_code)
        ]
        start = int(request.page_token or 0)
        end = start + min(request.page_size or _DEFAULT_PAGE, _LARGEST_PAGE)
        return voice_service_pb2.ListVoicesResponse(
            voices=found[start:end], next_page_token=str(end) if end < len(found) else ""
        )

    async def GetVoice(  # noqa: N802
        self, request: voice_service_pb2.GetVoiceRequest, context: Context
    ) -> voice_service_pb2.GetVoiceResponse:
        """One."""
        if request.name not in self._state.voices:
            await _abort(context, not_found("no such voice", reason="VOICE_NOT_FOUND"))
        return voice_service_pb2.GetVoiceResponse(voice=self._voice(request.name))

    def _voice(self, name: str) -> voice_service_pb2.Voice:
        return voice_service_pb2.Voice(
            name=name,
            language_code=name.partition("/")[2],
            is_default=name == self._state.voices[0],
        )


class FakeServerService(ServerServiceServicer):
    """Says what a real server says."""

    def __init__(self, state: FakeState) -> None:
        self._state = state

    async def GetServerInfo(  # noqa: N802
        self,
        request: server_service_pb2.GetServerInfoRequest,  # noqa: ARG002
        context: Context,  # noqa: ARG002
    ) -> server_service_pb2.GetServerInfoResponse:
        """Model and limits."""
        return server_service_pb2.GetServerInfoResponse(
            version="fake",
            model=server_service_pb2.ModelInfo(
                name=MODEL, is_noise=True, sample_rate_hz=NATIVE_RATE_HZ, backend="fake"
            ),
            limits=server_service_pb2.ServerLimits(
                slots=self._state.max_contexts,
                max_contexts_per_session=self._state.max_contexts,
                max_synthesize_characters=MAX_SYNTHESIZE_CHARACTERS,
                max_text_characters=MAX_TEXT_CHARACTERS,
            ),
            encodings=_ENCODINGS,
            default_voice=self._state.voices[0],
        )

    async def WatchLoad(  # noqa: N802
        self, request: server_service_pb2.WatchLoadRequest, context: Context
    ) -> None:
        """What is going on; the totals stay zero."""
        interval_s = seconds(request.interval) if request.HasField("interval") else 1.0
        if not _SHORTEST_INTERVAL_S <= interval_s <= _LONGEST_INTERVAL_S:
            error = invalid("bad interval", reason="OPTION_INVALID", field="interval")
            await _abort(context, error)
        while True:
            state = self._state
            await context.write(
                server_service_pb2.WatchLoadResponse(
                    serving=state.script.serving,
                    sessions=state.live_calls,
                    running=state.live_contexts,
                    slots=state.max_contexts,
                )
            )
            await asyncio.sleep(interval_s)


def health_handler(state: FakeState) -> grpc.GenericRpcHandler:
    """grpc.health.v1.Health/Check. Its messages are the same on the wire as these wrappers."""

    async def check(_request: StringValue, _context: Context) -> Int32Value:
        return Int32Value(value=_SERVING if state.script.serving else _NOT_SERVING)

    method = grpc.unary_unary_rpc_method_handler(
        check,
        request_deserializer=StringValue.FromString,
        response_serializer=Int32Value.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": method})


class MetadataRecorder(grpc.aio.ServerInterceptor):
    """Notes what metadata calls come with."""

    def __init__(self, state: FakeState) -> None:
        self._state = state

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Note it, go on."""
        self._state.metadata = dict(handler_call_details.invocation_metadata)
        return await continuation(handler_call_details)


async def _abort(context: Context, error: FakeStatusError) -> NoReturn:
    status = error.status()
    await context.abort(
        error.failure.code,
        status.message,
        trailing_metadata=((DETAILS_KEY, status.SerializeToString()),),
    )
    raise AssertionError("abort raises")
