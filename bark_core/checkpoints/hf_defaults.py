"""How a Hugging Face ``generation_config.json`` wants a Bark to be sampled.

``max_utterance_tokens`` of the semantic part is ours; published files do not have it.

Read with Suno's defaults where a field is absent (temperatures 0.7, 0.7, 0.5, no filters, end at
0.2), not with those of ``transformers`` (which would be greedy). ``top_k`` 50 and ``top_p`` 1.0
count as absent: old versions of ``transformers`` wrote these library defaults into every file, the
published ones included, and Suno's own pipeline filters nothing.
"""

from __future__ import annotations

from bark_core.checkpoints.checkpoint import SynthesisDefaults
from bark_core.checkpoints.json_file import Fields
from bark_core.options import SamplingParams

_LIBRARY_TOP_K = 50
_LIBRARY_TOP_P = 1.0
_MAX_TEMPERATURE = 10.0


def parse_defaults(generation: Fields) -> SynthesisDefaults:
    """Sampling of the three stages and the end rule.

    Raises:
        CheckpointError: A value is out of range; names the field.
    """
    usual = SynthesisDefaults()
    semantic = generation.sub("semantic_config")
    min_eos_p = semantic.number("min_eos_p", usual.min_eos_p or 0.0, low=0.0, high=1.0)
    fine = generation.sub("fine_acoustics_config")
    return SynthesisDefaults(
        semantic=_sampling(semantic, usual.semantic),
        coarse=_sampling(generation.sub("coarse_acoustics_config"), usual.coarse),
        fine=SamplingParams(temperature=_temperature(fine, usual.fine)),
        min_eos_p=min_eos_p or None,
        max_utterance_tokens=semantic.integer(
            "max_utterance_tokens", usual.max_utterance_tokens, low=1
        ),
    )


def _sampling(fields: Fields, usual: SamplingParams) -> SamplingParams:
    top_k = fields.integer("top_k", _LIBRARY_TOP_K, low=0)
    top_p = fields.number("top_p", _LIBRARY_TOP_P, low=0.0, high=1.0)
    return SamplingParams(
        temperature=_temperature(fields, usual),
        top_k=None if top_k in (0, _LIBRARY_TOP_K) else top_k,
        top_p=None if top_p in (0.0, _LIBRARY_TOP_P) else top_p,
    )


def _temperature(fields: Fields, usual: SamplingParams) -> float:
    if fields.values.get("do_sample") is False:
        return 0.0
    return fields.number("temperature", usual.temperature, low=0.0, high=_MAX_TEMPERATURE)
