"""VoiceService: which voices there are."""

from __future__ import annotations

import asyncio
import base64
import binascii
import bisect
import re
from collections.abc import Mapping
from concurrent.futures import Executor

from bark_core.errors import InvalidRequestError
from bark_core.voices import VoiceStore
from barkstream.v1 import voice_service_pb2 as pb
from barkstream_server.call import Call
from barkstream_server.methods import Handler

SERVICE = "barkstream.v1.VoiceService"
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000

# Suno's names declare the language: "v2/de_speaker_3".
_LANGUAGE = re.compile(r"(?:.*/)?([a-z]{2,3})_speaker_\d+")
_TOKEN_PREFIX = "after:"  # noqa: S105 - marks a page token


class VoiceService:
    """Lists and describes voices.

    Args:
        voices: All voices.
        default_voice: Name of the voice used when none is named; None: none is.
        executor: Loads voices from disk.
    """

    def __init__(self, voices: VoiceStore, default_voice: str | None, executor: Executor) -> None:
        self._voices = voices
        self._default_voice = default_voice
        self._executor = executor

    def handlers(self) -> Mapping[str, Handler]:
        """Entries of the method table."""
        return {f"/{SERVICE}/ListVoices": self._list, f"/{SERVICE}/GetVoice": self._get}

    async def _list(self, call: Call) -> None:
        request = await call.receive_first(pb.ListVoicesRequest)
        if request.page_size < 0:
            raise InvalidRequestError("page_size must not be negative", field="page_size")
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        names = self._voices.names()
        if request.language_code:
            names = tuple(name for name in names if language_of(name) == request.language_code)
        start = bisect.bisect_right(names, _last_name(request.page_token))
        page = names[start : start + size]
        more = start + size < len(names)
        await call.send(
            pb.ListVoicesResponse(
                voices=[self._voice(name) for name in page],
                next_page_token=_token(page[-1]) if more else "",
            )
        )

    async def _get(self, call: Call) -> None:
        request = await call.receive_first(pb.GetVoiceRequest)
        if not request.name:
            raise InvalidRequestError("name is empty; ListVoices lists the names", field="name")
        loop = asyncio.get_running_loop()
        name = self._voices.resolve(request.name)
        voice = await loop.run_in_executor(self._executor, self._voices.get, name)
        answer = self._voice(name)
        answer.semantic_tokens = int(voice.semantic.shape[-1])
        answer.codec_frames = int(voice.fine.shape[-1])
        await call.send(pb.GetVoiceResponse(voice=answer))

    def _voice(self, name: str) -> pb.Voice:
        return pb.Voice(
            name=name, language_code=language_of(name), is_default=name == self._default_voice
        )


def language_of(name: str) -> str:
    """The language that a voice's name declares, or ""."""
    match = _LANGUAGE.fullmatch(name)
    return match.group(1) if match else ""


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(f"{_TOKEN_PREFIX}{name}".encode()).decode()


def _last_name(token: str) -> str:
    if not token:
        return ""
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not text.startswith(_TOKEN_PREFIX):
        raise InvalidRequestError(
            "page_token is not one of ours; pass next_page_token of the page before, or nothing",
            field="page_token",
        )
    return text.removeprefix(_TOKEN_PREFIX)
