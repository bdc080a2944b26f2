"""What all checkpoint folders need: checksums, quiet loading, the dtype, batches."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.errors import PaperError, UsageError, did_you_mean

DTYPES = ("float32", "bfloat16")

_RELEVANT = (".json", ".safetensors", ".txt", ".model")  # files that can change the vectors


def check_dtype(dtype: str, name: str, *, single_only: bool) -> None:
    """Raise unless `name` can compute in `dtype` here; without a network: `single_only`."""
    if dtype not in DTYPES:
        raise UsageError(f"no dtype {dtype!r}; {did_you_mean(dtype, DTYPES)}")
    if dtype == "float32":
        return
    if single_only:
        raise UsageError(f"encoder {name!r} knows dtype 'float32' only, not {dtype!r}")
    import torch

    able = torch.cpu.get_capabilities()
    if not any(able.get(flag) for flag in ("avx512_bf16", "amx_bf16", "bf16")):
        raise PaperError(
            "this processor has no native bfloat16, where it would be slower than float32; "
            "use dtype='float32'"
        )


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file; read once per process unless the file changes."""
    stat = path.stat()
    # Two writes within one tick of the file system's clock look alike: a file that is
    # that young is read each time.
    young = time.time_ns() - stat.st_mtime_ns < 2_000_000_000
    read = _sha256.__wrapped__ if young else _sha256
    return read(path.resolve(), stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, mtime_ns: int, inode: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a checkpoint folder that can change its vectors."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in _RELEVANT)
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}


def library_versions() -> dict[str, str]:
    """Return versions of the libraries that turn tokens into vectors."""
    packages = ("torch", "transformers", "tokenizers", "sentence-transformers")
    return {name: importlib.metadata.version(name) for name in packages}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars and advice off stderr; what fails still raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a kernel tqdm asks for ipywidgets as it is imported
        from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def loading(name: str) -> Iterator[None]:
    """Load quietly; a failure names the checkpoint and the reason in one line."""
    from safetensors import SafetensorError

    try:
        with quiet():
            yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise PaperError(
            f"encoder {name!r} does not load: {type(error).__name__}: {reason:.200}"
        ) from error


def in_batches(
    lengths: Sequence[int],
    forward: Callable[[list[int]], NDArray[np.float32]],
    *,
    dim: int,
    size: int,
    bar: tqdm,
) -> NDArray[np.float32]:
    """Run `forward` on batches of texts of like length; return float32 (n, dim) in the given order.
    `lengths` are tokens of each text; `forward` maps up to `size` indices of texts to (batch, dim).
    """
    vectors = np.empty((len(lengths), dim), dtype=np.float32)
    order = np.argsort(np.asarray(lengths), kind="stable")
    for start in range(0, len(order), size):
        batch = order[start : start + size].tolist()
        vectors[batch] = forward(batch)
        bar.update(len(batch))
    return vectors
