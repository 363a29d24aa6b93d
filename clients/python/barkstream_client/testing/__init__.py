"""For the tests of plugins and applications: a server without a model."""

from barkstream_client.testing.fake_audio import CHARACTER_S, tones
from barkstream_client.testing.fake_script import AudioGate, FakeFailure, FakeScript
from barkstream_client.testing.fake_server import FakeSpeechServer

__all__ = [
    "CHARACTER_S",
    "AudioGate",
    "FakeFailure",
    "FakeScript",
    "FakeSpeechServer",
    "tones",
]
