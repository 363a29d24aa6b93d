"""The whole way: text over a socket to a real (random) model in its own process, audio back."""

from __future__ import annotations

import numpy as np
import pytest

from bark_core.backends.registry import BackendSpec
from bark_core.checkpoints import open_checkpoint
from bark_core.engine.interface import Engine, EngineLimits
from bark_core.engine.process import ProcessEngine
from bark_core.engine.thread import ThreadEngine
from barkstream.v1 import audio_pb2
from barkstream.v1 import speech_service_pb2 as pb
from tests.support.serving import SENTENCE, conversation, kinds, served

SHORT = pb.SpeechConfig(
    sampling=audio_pb2.SamplingConfig(seed=11, max_utterance_duration={"seconds": 2})
)


def _torch_engine(kind: type[ProcessEngine | ThreadEngine]) -> Engine:
    checkpoint = open_checkpoint("noise")
    spec = BackendSpec(checkpoint, backend="torch", device="cpu", slots=2, threads=1)
    return kind(spec, checkpoint.config, EngineLimits())


@pytest.mark.parametrize("kind", [ThreadEngine, ProcessEngine])
async def test_speech_over_all_methods(kind: type[ProcessEngine | ThreadEngine]) -> None:
    pytest.importorskip("torch")
    async with served(lambda: _torch_engine(kind), slots=2) as target:
        whole = await target.speech.Synthesize(
            pb.SynthesizeRequest(text=SENTENCE, config=SHORT), timeout=100
        )
        pcm = np.frombuffer(whole.audio, "<i2")
        assert pcm.size > 2400
        assert np.abs(pcm).max() > 0
        stream = [
            message
            async for message in target.speech.StreamSynthesize(
                pb.StreamSynthesizeRequest(text=SENTENCE, config=SHORT)
            )
        ]
        audio = [message.audio for message in stream if message.HasField("audio")]
        assert len(audio) > 1
        assert b"".join(chunk.data for chunk in audio) == whole.audio
        # Progress before the first audio would say that all was made at once; chunks grow instead.
        assert audio[0].sample_count < whole.usage.samples / 2
        async with conversation(target, config=SHORT) as talk:
            await talk.append("a", SENTENCE[:5])
            await talk.append("a", SENTENCE[5:])
            await talk.half_close()
            messages = await talk.rest()
        assert kinds(messages)[-1] == "completed"
        spoken = b"".join(m.audio.data for m in messages if m.HasField("audio"))
        assert spoken == whole.audio
        await target.settled()
