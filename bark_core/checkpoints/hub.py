"""Fetches a Bark checkpoint from the Hugging Face hub into its ordinary cache.

Only what is needed is fetched: Suno's own ``.pt`` files lie in the same repository as the
converted weights, and often both formats of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bark_core.checkpoints.checkpoint import Checkpoint
from bark_core.checkpoints.hf_directory import (
    CONFIG_FILE,
    GENERATION_FILE,
    INDEX_SUFFIX,
    TOKENIZER_FILES,
    WEIGHT_FILES,
    open_hugging_face,
    shard_names,
)
from bark_core.errors import CheckpointError, MissingDependencyError
from bark_core.voices.directories import EMBEDDINGS_DIRECTORY, INDEX_FILE, missing_voice_files

HUB_ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
SMALL_FILES = (
    CONFIG_FILE,
    GENERATION_FILE,
    *TOKENIZER_FILES,
    INDEX_FILE,
    f"{EMBEDDINGS_DIRECTORY}/*",
    *(name + INDEX_SUFFIX for name in WEIGHT_FILES),
)


def is_hub_id(spec: str) -> bool:
    """True for ``owner/name`` and ``owner/name@revision``."""
    return HUB_ID.fullmatch(spec) is not None


@dataclass(frozen=True, slots=True)
class _Repository:
    """A repository on the hub, and whether to ask the network for it."""

    name: str
    revision: str | None
    offline: bool
    progress: bool

    def fetch(self, patterns: tuple[str, ...], revision: str | None) -> Path:
        """Bring the files that match into the cache; the snapshot's directory."""
        from huggingface_hub import snapshot_download  # noqa: PLC0415 (optional)

        silent: dict[str, Any] = {} if self.progress else {"tqdm_class": _silent_bar()}
        return Path(
            snapshot_download(
                self.name,
                revision=revision,
                allow_patterns=list(patterns),
                local_files_only=self.offline,
                **silent,
            )
        )

    def weight_files(self, snapshot: Path) -> tuple[str, ...]:
        """Names of the weights in the repository, as few as will do."""
        from huggingface_hub import HfApi  # noqa: PLC0415 (optional)

        present = set(HfApi().list_repo_files(self.name, revision=snapshot.name))
        for name in WEIGHT_FILES:
            if name in present:
                return (name,)
            if name + INDEX_SUFFIX in present:
                return shard_names(snapshot / (name + INDEX_SUFFIX))
        raise CheckpointError(
            f"{self.name} on the hub holds neither {' nor '.join(WEIGHT_FILES)}: it is not a "
            "converted Bark checkpoint"
        )


def open_hub(spec: str, *, offline: bool | None, progress: bool) -> Checkpoint:
    """Open a checkpoint of the hub, from the cache where it is complete.

    Raises:
        CheckpointError: Unknown, not reachable, incomplete or damaged.
        MissingDependencyError: ``huggingface_hub`` is not installed.
    """
    try:
        from huggingface_hub import constants  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise MissingDependencyError(
            f"fetching {spec} needs huggingface_hub: pip install 'barkstream[server]', or name a "
            "local directory"
        ) from error
    match = HUB_ID.fullmatch(spec)
    assert match is not None, spec
    repository = _Repository(
        name=match["repository"],
        revision=match["revision"],
        offline=constants.HF_HUB_OFFLINE if offline is None else offline,
        progress=progress,
    )
    cached = _open_cached(repository, spec)
    if cached is not None:
        return cached
    if repository.offline:
        raise CheckpointError(
            f"{spec} is not (completely) in the cache {constants.HF_HUB_CACHE} and the hub may not "
            "be asked: unset HF_HUB_OFFLINE once to fetch it, or name a local directory"
        )
    return _download(repository, spec)


def _open_cached(repository: _Repository, spec: str) -> Checkpoint | None:
    """The checkpoint if the cache has all of it. Offline, some voices may be missing."""
    from huggingface_hub import constants  # noqa: PLC0415 (optional)

    snapshot = _cached_snapshot(Path(constants.HF_HUB_CACHE), repository)
    if snapshot is None:
        return None
    try:
        checkpoint = open_hugging_face(snapshot, spec)
    except CheckpointError:
        if repository.offline:
            raise
        return None  # cut short: fetching completes it or says what is wrong
    if not repository.offline and missing_voice_files(snapshot):
        return None
    return checkpoint


def _cached_snapshot(cache: Path, repository: _Repository) -> Path | None:
    """Directory of the revision in the hub's cache layout (refs name commits of snapshots)."""
    folder = cache / ("models--" + repository.name.replace("/", "--"))
    revision = repository.revision or "main"
    reference = folder / "refs" / revision
    commit = reference.read_text().strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None


def _download(repository: _Repository, spec: str) -> Checkpoint:
    from huggingface_hub.errors import (  # noqa: PLC0415 (optional)
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        snapshot = repository.fetch(SMALL_FILES, repository.revision)
        weights = repository.weight_files(snapshot)
        repository.fetch(weights, snapshot.name)
    except GatedRepoError as error:
        raise CheckpointError(
            f"{spec} is gated: accept its terms on the hub and log in (`hf auth login`)"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise CheckpointError(
            f"the hub has no checkpoint {spec}; published ones are suno/bark-small and suno/bark"
        ) from error
    except CheckpointError:
        raise
    except Exception as error:  # its HTTP library, and so the class, differs between versions
        raise CheckpointError(
            f"fetching {spec} failed ({type(error).__name__}); check the connection and the free "
            "space, then try again: what is already there is kept"
        ) from error
    return open_hugging_face(snapshot, spec)


def _silent_bar() -> type[Any]:
    from tqdm import tqdm  # noqa: PLC0415 (optional)

    class SilentBar(tqdm):  # type: ignore[type-arg]
        """A progress bar that shows nothing."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

    return SilentBar
