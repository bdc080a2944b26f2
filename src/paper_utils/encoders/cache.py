"""Vectors kept on disk under their content address, each computed by one process only."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from filelock import FileLock
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

log = logging.getLogger(__name__)

entries_read = 0  #: by this process, so that a duration can say what it leaves out

weights: dict[str, str] = {}  #: checksums of the weights that this process has loaded, by encoder


def note_weights(name: str, recipe: Mapping[str, Any]) -> None:
    """Remember the weights that the recipe of the encoder `name` holds, if any.

    >>> note_weights("mine", {"files": {"config.json": "0a", "model.safetensors": "1b"}})
    >>> weights.pop("mine")
    '1b'
    """
    files = recipe.get("files") or {"weights.safetensors": recipe.get("sha256")}
    sums = [sum for file, sum in sorted(files.items()) if sum and file.endswith(".safetensors")]
    if sums:
        joined = hashlib.sha256("".join(sums).encode()).hexdigest()
        weights[name] = sums[0] if len(sums) == 1 else joined


def cache_folder() -> Path:
    """Return the folder of encodings: under `PAPER_CACHE`, else the user's cache folder."""
    named = os.environ.get("PAPER_CACHE")
    base = Path(named) if named else platformdirs.user_cache_path("dual-encoder-limits")
    return base.expanduser() / "encodings"


def get_or_compute(
    key: str, compute: Callable[[], NDArray[np.float32]], *, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the vectors under `key`, a content address; compute and keep them if there are none.
    Two processes that want the same key compute it once. An entry that is truncated, altered or not
    of `shape` is computed again with a warning; where the folder cannot be written nothing is kept.
    """
    path = cache_folder() / key[:2] / f"{key}.safetensors"
    # Entries appear whole, by rename: reading needs no lock.
    if (found := _read(path, shape)) is not None:
        return found
    lock = FileLock(path.with_suffix(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        log.warning("vectors are not kept: %s (name another folder in PAPER_CACHE)", error)
        return compute()
    try:
        if (found := _read(path, shape)) is not None:
            return found
        if path.exists():
            log.warning("dropped a damaged cache entry, computing it again: %s", path)
            path.unlink()
        vectors = compute()
        if _write(path, vectors):
            # Nobody who still waits on this file computes: each looks for the entry first.
            Path(lock.lock_file).unlink(missing_ok=True)
        return vectors
    finally:
        lock.release()


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """The vectors in `path` if they are all there and unaltered, else None."""
    try:
        with safe_open(path, framework="numpy") as file:
            vectors = file.get_tensor("vectors")
            checksum = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError):
        return None
    whole = vectors.shape == shape and vectors.dtype == np.float32
    if not whole or checksum != _checksum(vectors):
        return None
    global entries_read
    entries_read += 1
    return vectors


def _write(path: Path, vectors: NDArray[np.float32]) -> bool:
    """Write to a temporary file, then rename; the caller holds the lock of `path`."""
    data = save({"vectors": vectors}, metadata={"sha256": _checksum(vectors)})
    # One fixed name: what a killed process left is overwritten, never piles up.
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        log.warning("vectors are not kept: %s (name another folder in PAPER_CACHE)", error)
        return False
    return True


def _checksum(vectors: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(vectors)).hexdigest()
