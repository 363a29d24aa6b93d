"""The examination from end to end."""

from __future__ import annotations

import importlib.util
import time

import numpy as np

from bark_core.backends.registry import BackendSpec, create_backend
from bark_core.checkpoints import Checkpoint, open_checkpoint
from bark_core.doctor import goldens
from bark_core.doctor.found import find_checkpoints
from bark_core.doctor.installation import cores, devices, machine, packages
from bark_core.doctor.report import Check, DoctorReport, OpenedCheckpoint
from bark_core.engine.request import UtteranceRequest
from bark_core.errors import BarkstreamError
from bark_core.offline import OfflineModel, OfflineUtterance
from bark_core.options import ExactWindows, SamplingParams, SynthesisOptions
from bark_core.voices import Voice

_GREEDY = SamplingParams(temperature=0)
_SPEECH_TOKENS = 30  # 0.6 s: enough for every stage
_EXACT = "float32"  # the precision of known tokens
_QUANTISED = ("int8", "int4")


def examine(
    spec: str = "embedded",
    *,
    backend: str = "auto",
    device: str = "auto",
    dtype: str = "auto",
    run_model: bool = True,
    offline: bool = True,
) -> DoctorReport:
    """Look at the machine and at one checkpoint. Problems are reported, not raised.

    Args:
        spec: The checkpoint to examine, as in ``open_checkpoint``.
        backend: What to run it with, as in ``BackendSpec``.
        device: What to run it on.
        dtype: In which precision; "auto" is float32 where tokens are to be compared.
        run_model: Load the checkpoint and speak with it. With the published large weights this
            compares tokens with known ones and takes minutes on a CPU.
        offline: Do not fetch what is missing.
    """
    opened, checkpoint = _open(spec, offline=offline)
    checks: tuple[Check, ...] = ()
    if checkpoint is not None and run_model:
        checks = _run(checkpoint, backend, device, dtype)
    return DoctorReport(
        machine=machine(),
        cores=cores(),
        packages=packages(),
        devices=devices(),
        found=find_checkpoints(),
        checkpoint=opened,
        checks=checks,
    )


def _open(spec: str, *, offline: bool) -> tuple[OpenedCheckpoint, Checkpoint | None]:
    try:
        checkpoint = open_checkpoint(spec, offline=offline)
        checkpoint.tokenizer()
        voices = checkpoint.voices()
    except BarkstreamError as error:
        return OpenedCheckpoint(spec=spec, problem=error.message), None
    config = checkpoint.config
    opened = OpenedCheckpoint(
        spec=spec,
        name=checkpoint.name,
        layers=(
            config.semantic_model.n_layer,
            config.coarse_model.n_layer,
            config.fine_model.n_layer,
        ),
        width=config.semantic_model.n_embd,
        voices=len(voices.names()),
        default_voice=checkpoint.default_voice,
        is_noise=checkpoint.is_noise,
        notice=checkpoint.notice,
    )
    return opened, checkpoint


def _run(checkpoint: Checkpoint, backend_name: str, device: str, dtype: str) -> tuple[Check, ...]:
    """Load it and speak."""
    if goldens.apply_to(checkpoint.config) and dtype == "auto":
        dtype = _EXACT
        if backend_name == "auto" and importlib.util.find_spec("torch") is not None:
            backend_name = "torch"  # needs no conversion of gigabytes
    start_s = time.monotonic()
    try:
        spec = BackendSpec(checkpoint, backend=backend_name, device=device, slots=1, dtype=dtype)
        backend = create_backend(spec)
        model = OfflineModel(checkpoint, backend)
    except Exception as error:  # noqa: BLE001 - whatever a broken installation raises is a finding
        return (Check("load", passed=False, detail=f"{type(error).__name__}: {error}"),)
    info = backend.info
    detail = f"{time.monotonic() - start_s:.1f} s, {info.name} on {info.device}, {info.dtype}"
    if info.dtype in _QUANTISED:
        detail += "; for the reference's tokens: --dtype float32, or --backend torch"
    loaded = Check("load", passed=True, detail=detail)
    try:
        return loaded, _speak(model), *_compare_with_goldens(model)
    finally:
        model.close()


def _speak(model: OfflineModel) -> Check:
    """Every stage once."""
    start_s = time.monotonic()
    try:
        made = _make(model, "Hello there.", model.checkpoint.default_voice, _SPEECH_TOKENS)
    except BarkstreamError as error:
        return Check("speak", passed=False, detail=error.message)
    audio_s = made.pcm.size / model.checkpoint.config.sample_rate_hz
    sound = made.pcm.size > 0 and bool(np.isfinite(made.pcm).all())
    return Check(
        "speak",
        passed=sound,
        detail=f"{audio_s:.2f} s of audio in {time.monotonic() - start_s:.2f} s",
    )


def _compare_with_goldens(model: OfflineModel) -> tuple[Check, ...]:
    """Known tokens, where these weights have some."""
    config = model.checkpoint.config
    if not goldens.apply_to(config):
        return ()
    name = "tokens of the published suno/bark"
    if model.backend.info.dtype != _EXACT:
        detail = f"not compared: they are known in {_EXACT}, not in {model.backend.info.dtype}"
        return (Check(name, passed=True, detail=detail),)
    if goldens.VOICE not in model.voices.names():
        detail = f"not compared: the checkpoint lacks the voice {goldens.VOICE}"
        return (Check(name, passed=True, detail=detail),)
    try:
        made = _make(model, goldens.TEXT, goldens.VOICE, None)
    except BarkstreamError as error:
        return (Check(name, passed=False, detail=error.message),)
    return goldens.compare(made.tokens, config)


def _make(
    model: OfflineModel, text: str, voice_name: str | None, forced_tokens: int | None
) -> OfflineUtterance:
    """One greedy utterance."""
    voice: Voice | None = None if voice_name is None else model.voices.get(voice_name)
    longest = model.checkpoint.config.semantic.max_new_tokens
    return model.run(
        UtteranceRequest(
            utterance_id="doctor",
            stream_id="doctor",
            index=0,
            text_ids=model.tokenizer.encode(text),
            voice=voice,
            options=SynthesisOptions(
                seed=0,
                semantic=_GREEDY,
                coarse=_GREEDY,
                fine=_GREEDY,
                min_eos_p=None,
                forced_semantic_tokens=None
                if forced_tokens is None
                else min(forced_tokens, longest),
                windows=ExactWindows(),
            ),
            keep_tokens=True,
        )
    )
