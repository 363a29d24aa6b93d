"""The bars that Suno's functions show: semantic tokens first, then coarse frames."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from bark_core.engine.events import UtteranceProgress

if TYPE_CHECKING:
    from tqdm import tqdm


class ProgressBars:
    """Follows one utterance. Shows nothing where it is silent or ``tqdm`` is not installed.

    Args:
        silent: Show nothing.
        max_semantic_tokens: Length of the first bar; 0: there is no such stage.
    """

    def __init__(self, *, silent: bool, max_semantic_tokens: int) -> None:
        self._silent = silent
        self._max_semantic_tokens = max_semantic_tokens
        self._bar: tqdm[NoReturn] | None = None
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def show(self, progress: UtteranceProgress) -> None:
        """Draw where the utterance stands."""
        if self._silent:
            return
        if progress.semantic_tokens and not progress.semantic_done:
            self._draw("semantic", progress.semantic_tokens, self._max_semantic_tokens)
        else:
            self._draw("coarse", progress.coarse_frames, None)

    def _draw(self, stage: str, done: int, total: int | None) -> None:
        if stage != self._stage:
            self._close()
            self._stage, self._bar = stage, _open_bar(stage, total)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _open_bar(stage: str, total: int | None) -> tqdm[NoReturn] | None:
    try:
        from tqdm import tqdm  # noqa: PLC0415 (optional)
    except ImportError:
        return None
    bar: tqdm[NoReturn] = tqdm(
        desc=stage, total=total, unit="token" if stage == "semantic" else "frame"
    )
    return bar
