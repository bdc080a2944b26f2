"""Checkpoints of the Hugging Face hub: found locally, described before a fetch, fetched."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from paper_utils.encoders import checkpoint
from paper_utils.encoders.folder import check_folder, is_sentence_checkpoint
from paper_utils.errors import PaperError, UsageError

TIMEOUT = 5  # seconds that the hub has to answer

_PATTERNS = {  # what vectors depend on, in safe formats; .gitattributes marks a whole snapshot
    "allow_patterns": ["*.json", "*.txt", "*.model", "*model*.safetensors", ".gitattributes"],
    "ignore_patterns": ["onnx/*", "openvino/*", "coreml/*", "original/*"],
}

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class Offer:
    """What a fetch would bring."""

    repo: str
    licence: str  # as its card states it, or 'not stated'
    size: int  # bytes
    sha256: dict[str, str]  # expected, of each large file


def check_id(repo: str) -> None:
    """Raise UsageError unless `repo` has the form ``owner/name``."""
    if not _ID.fullmatch(repo):
        raise UsageError(f"hf:{repo} is neither a folder here nor an id of the form owner/name")


def local_snapshot(repo: str) -> Path:
    """Return the complete folder of `repo` in the hub's cache, or raise; touches no network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    absent = PaperError(
        f"hf:{repo} is not on this machine, or in part only; fetch it with: "
        f"paper models --fetch hf:{repo}"
    )
    try:
        folder = Path(snapshot_download(repo, local_files_only=True, **_PATTERNS))
    except LocalEntryNotFoundError:
        raise absent from None
    # Other programs keep single files of a checkpoint. Without a whole snapshot nobody
    # knows whether it is one of sentence-transformers, with a pooling of its own.
    if not (is_sentence_checkpoint(folder) or (folder / ".gitattributes").is_file()):
        raise absent
    try:
        check_folder(folder)
    except UsageError as error:
        raise PaperError(f"hf:{repo}: {error}") from None
    return folder


@cache
def offer(repo: str) -> Offer:
    """Ask the hub, for `TIMEOUT` seconds at most, what a fetch of `repo` would bring."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    from huggingface_hub.utils import filter_repo_objects

    if constants.HF_HUB_OFFLINE:
        raise PaperError(f"hf:{repo} is not asked for: HF_HUB_OFFLINE=1 is set; unset it to fetch")
    try:
        info = HfApi().model_info(repo, files_metadata=True, timeout=TIMEOUT)
    except GatedRepoError:
        raise PaperError(f"hf:{repo} is gated: accept its terms on the hub and log in") from None
    except RepositoryNotFoundError:
        raise PaperError(f"the hub has no public checkpoint {repo!r}") from None
    except Exception as error:  # whatever the HTTP library of this version raises
        raise _unreachable(repo, error) from error
    files = list(filter_repo_objects(info.siblings, key=lambda file: file.rfilename, **_PATTERNS))
    return Offer(
        repo=repo,
        licence=(info.card_data.license if info.card_data else None) or "not stated",
        size=sum(file.size or 0 for file in files),
        sha256={file.rfilename: file.lfs.sha256 for file in files if file.lfs},
    )


def fetch(repo: str) -> Path:
    """Download what `offer` describes into the hub's cache and return the folder; resumes."""
    from huggingface_hub import constants, snapshot_download

    wanted = offer(repo)
    folder = Path(constants.HF_HUB_CACHE)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if wanted.size > free:
        raise PaperError(
            f"hf:{repo} needs {wanted.size / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB left"
        )
    try:
        snapshot = snapshot_download(repo, **_PATTERNS)
    except Exception as error:  # whatever the HTTP library of this version raises
        raise _unreachable(repo, error) from error
    for name, expected in wanted.sha256.items():
        path = Path(snapshot) / name
        found = checkpoint.file_sha256(path)
        if found != expected:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise PaperError(
                f"{name} of hf:{repo} arrived damaged (sha256 {found[:12]}…, not "
                f"{expected[:12]}…) and was dropped; fetch it again"
            )
    return local_snapshot(repo)


def _unreachable(repo: str, error: Exception) -> PaperError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return PaperError(f"hf:{repo} cannot be fetched: {reason}")
