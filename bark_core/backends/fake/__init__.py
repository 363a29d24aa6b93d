"""A back end without a model: deterministic tokens, a tone for audio, faults on request."""

from bark_core.backends.fake.backend import FakeBackend
from bark_core.backends.fake.script import Cost, Effect, FakeScript, Fault

__all__ = ["Cost", "Effect", "FakeBackend", "FakeScript", "Fault"]
