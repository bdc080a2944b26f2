"""Download a data set from its pinned commit and check it before it appears under its name."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from paper_utils.data.sources import DataFile, data_folders, find_dataset
from paper_utils.errors import PaperError, UsageError
from paper_utils.paths import replacing

_TIMEOUT = 30  # seconds without a byte
_HEADERS = {"Accept-Encoding": "identity"}  # a compressed answer would have another length


@dataclass(frozen=True)
class FetchPlan:
    """What a download would do; show it before `fetch_dataset`."""

    dataset: str
    folder: Path
    files: tuple[DataFile, ...]  # missing, or different from the pinned commit
    n_bytes: int | None  # to download; None where the server does not say


def git_blob_id(path: str | Path) -> str:
    """Return git's name for a file's content: hex SHA-1 of ``blob SIZE``, NUL, content."""
    path = Path(path)
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fetch_plan(name: str, *, folder: str | Path | None = None) -> FetchPlan:
    """Return what `fetch_dataset` would download; ask the server for sizes that are not known."""
    files = find_dataset(name)
    if not files:
        raise UsageError(f"{name} is part of the package; there is nothing to fetch")
    if not all(file.url for file in files):
        raise UsageError(
            f"{name} cannot be fetched (it has no licence to pass it on); "
            "set PAPER_DATA to the folder that has it"
        )
    target = Path(folder).expanduser() if folder is not None else data_folders()[0]
    target = target / name
    wanted = tuple(file for file in files if not _is_good(target / file.name, file))
    sizes = [file.size if file.size is not None else _remote_size(file.url) for file in wanted]
    return FetchPlan(name, target, wanted, None if None in sizes else sum(sizes))


def fetch_dataset(name: str, *, folder: str | Path | None = None, progress: bool = True) -> Path:
    """Download a data set from its pinned commit.

    Each file is checked against git's name for its content before it is moved to its place: an
    interrupted or wrong download leaves nothing. Files already here and right are not fetched.

    Parameters
    ----------
    name : str
        ``limit``, ``limit-small`` or ``wands``.
    folder : str or path, optional
        Parent of the data set's folder; by default ``PAPER_DATA``, else the user's data folder.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pathlib.Path
        The folder of the data set.

    Raises
    ------
    UsageError, PaperError
        Another name; a failed download, other content, or a folder that cannot be written.

    Examples
    --------
    >>> folder = fetch_dataset("limit-small")  # doctest: +SKIP
    """
    plan = fetch_plan(name, folder=folder)
    import filelock

    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(plan.folder / ".fetch.lock"):
            # Left by a download that was killed; nobody else writes while we hold the lock.
            for stale in plan.folder.glob(".*.tmp"):
                stale.unlink()
            for file in plan.files:
                target = plan.folder / file.name
                if not _is_good(target, file):  # another process may have been quicker
                    _fetch_file(file, target, progress)
    except OSError as error:
        raise PaperError(
            f"{name}: cannot write to {plan.folder} ({error.strerror or error}); "
            "set PAPER_DATA to a folder that can be written"
        ) from error
    return plan.folder


def _fetch_file(file: DataFile, target: Path, progress: bool) -> None:
    import pooch
    import requests

    download = pooch.HTTPDownloader(progressbar=progress, timeout=_TIMEOUT, headers=_HEADERS)
    with replacing(target) as temporary:
        try:
            download(file.url, str(temporary), None)
        except requests.RequestException as error:
            reason = str(error).strip().splitlines()[0]
            raise PaperError(f"{file.url} could not be downloaded: {reason}") from error
        if not _is_good(temporary, file):
            raise PaperError(
                f"{file.url}: the content is not that of the pinned commit (got "
                f"{temporary.stat().st_size:,} bytes, git:{git_blob_id(temporary)}, not "
                f"{file.checksum}); nothing was kept"
            )


def _is_good(path: Path, file: DataFile) -> bool:
    if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
        return False
    return f"git:{git_blob_id(path)}" == file.checksum


def _remote_size(url: str) -> int | None:
    request = urllib.request.Request(url, method="HEAD", headers=_HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            length = answer.headers.get("Content-Length")
    except OSError as error:  # URLError and time-outs are of this kind
        raise PaperError(f"{url} cannot be reached: {error}") from error
    return int(length) if length and length.isdigit() else None
