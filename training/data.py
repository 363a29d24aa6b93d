"""Token sequences in memory, by voice, for the three transformers."""

from pathlib import Path

import numpy as np

from training import corpus, tokenised


class Sequences:
    """Rows of tokenised shards; takes in new shards when asked."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Read `folder` (a `tokens/...` folder); `seed` fixes the random choices."""
        self.rows: list[tokenised.Tokenised] = []
        self.random = np.random.default_rng(seed)
        self._folder = folder
        self._known: set[str] = set()
        self._of_voice: list[list[int]] = [[] for _ in corpus.VOICES]
        self.refresh()
        if not self.rows:
            raise ValueError(f"no rows in {folder}: run `training.tokenise` first")

    def refresh(self) -> float:
        """Take in shards that have appeared since; returns hours of speech."""
        for shard in sorted(self._folder.glob("shard-*.npz")):
            if shard.name not in self._known:
                self._known.add(shard.name)
                for row in tokenised.read(shard):
                    self._of_voice[row.voice].append(len(self.rows))
                    self.rows.append(row)
        return sum(len(row.semantic) for row in self.rows) / 37.5 / 3600

    def pick(self) -> tokenised.Tokenised:
        """A random row."""
        return self.rows[int(self.random.integers(len(self.rows)))]

    def pick_prompt(self, voice: int) -> tokenised.Tokenised:
        """A random row of a voice: what may stand before a sentence as its prompt."""
        choices = self._of_voice[voice]
        return self.rows[choices[int(self.random.integers(len(choices)))]]
