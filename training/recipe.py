"""Every constant of the voice that an export must declare, in one frozen object.

Where a number differs from published Bark the reason stands beside it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rates in Hz, lengths in tokens or frames; see HF's BarkConfig for the names."""

    sample_rate: int = 24_000
    frame_samples: int = 320  # 75 codec frames a second, as published
    codebooks: int = 8
    codebook_size: int = 1024
    coarse_codebooks: int = 2

    # Two codec frames a semantic token: every window of the coarse stage is aligned to whole
    # tokens, and text-to-semantic has a quarter fewer steps than at 49.9 Hz.
    semantic_rate_hz: float = 37.5
    frames_per_semantic: int = 2

    # Short contexts: the tiny models train and run faster, and a prompt of 48 tokens suffices.
    max_input_semantic: int = 128  # text, and history, merged by adding
    max_semantic_tokens: int = 512  # 13.6 s
    max_coarse_input: int = 84  # 48 of history and 36 new: 21 of look-ahead after the first window
    max_coarse_history: int = 192
    sliding_window: int = 60
    max_fine_history: int = 128
    max_fine_input: int = 256

    text_vocabulary: int = 512

    # What is least wrong is likeliest (`training.codec.risk`): the colder, the less is misheard,
    # and nothing becomes monotonous, since the semantic tokens tell the pitch.
    semantic_temperature: float = 0.2
    coarse_temperature: float = 0.15
    fine_temperature: float = 0.05

    @property
    def coarse_per_semantic(self) -> int:
        """Coarse tokens for one semantic token."""
        return self.frames_per_semantic * self.coarse_codebooks

    @property
    def max_semantic_history(self) -> int:
        """Semantic tokens of history in a coarse window."""
        return self.max_coarse_history // self.coarse_per_semantic
