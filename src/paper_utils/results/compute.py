"""Computing a result: tasks side by side, kept as they finish, written with provenance."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from paper_utils.errors import PaperError
from paper_utils.fingerprint import canonical_json, sha256
from paper_utils.paths import project_root
from paper_utils.results.record import SCHEMA_VERSION, result_path, save
from paper_utils.results.registry import Experiment, find_experiment

_LIBRARIES = ("numpy", "scipy", "torch", "transformers", "sentence-transformers", "bm25s")


def run(
    name: str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> Path:
    """Compute the experiment `name`, on all local cores by default, and write its record.
    `scheduler` is the address of a running Dask scheduler, such as ``tcp://host:8786``. Tasks that
    were finished before an interruption are not repeated, where code and data are the same.
    """
    chosen = find_experiment(name)
    how = {"workers": workers, "scheduler": scheduler, "progress": progress}
    return record_tasks(chosen, chosen.tasks(), result_path(name), chosen.command, **how)


def record_tasks(
    chosen: Experiment,
    tasks: Sequence[dict[str, Any]],
    path: Path,
    command: str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> Path:
    """Compute `tasks` of an experiment, going on where an interrupted run stopped, and write the
    record to `path`; `command` computes it again.
    """
    data = chosen.data()  # first: what is missing here shows before hours of work
    partial = _partial_path(chosen, data, path)
    done = _load_partial(partial)
    missing = [task for task in tasks if canonical_json(task) not in done]
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("a", encoding="utf-8") as stream:
        for entry in _compute(chosen, missing, workers, scheduler, progress):
            stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
            stream.flush()
            done[canonical_json(entry["parameters"])] = entry
    _write(chosen, data, [done[canonical_json(task)] for task in tasks], path, command)
    partial.unlink(missing_ok=True)
    return path


def _compute(
    chosen: Experiment,
    tasks: Sequence[dict[str, Any]],
    workers: int | None,
    scheduler: str | None,
    progress: bool,
) -> Iterable[dict[str, Any]]:
    import joblib
    from tqdm import tqdm

    if not tasks:
        return
    calls = (joblib.delayed(timed)(chosen.name, chosen.function, task) for task in tasks)
    with _backend(scheduler):
        count = min(workers or os.cpu_count() or 1, len(tasks))
        parallel = joblib.Parallel(
            n_jobs=-1 if scheduler else count, return_as="generator_unordered"
        )
        bar = tqdm(total=len(tasks), desc=chosen.name, unit="task", disable=not progress)
        with bar:
            for outcome in parallel(calls):
                bar.update()
                yield outcome


@contextmanager
def _backend(scheduler: str | None) -> Iterator[None]:
    import joblib

    if scheduler is None:
        yield
        return
    with dask_client(scheduler), joblib.parallel_config(backend="dask"):
        yield


@contextmanager
def dask_client(scheduler: str) -> Iterator[Any]:
    """Give a client of the Dask scheduler at `scheduler`, such as ``tcp://host:8786``."""
    try:
        from distributed import Client
    except ImportError:
        raise PaperError(
            "--scheduler needs Dask: pip install 'dual-encoder-limits[cluster]'"
        ) from None
    try:
        client = Client(scheduler, timeout=5)
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PaperError(f"no Dask scheduler answers at {scheduler!r}: {reason}") from None
    with client:
        yield client


def timed(
    name: str, function: Callable[..., Mapping[str, Any]], task: dict[str, Any]
) -> dict[str, Any]:
    """Compute one task; return parameters, value, duration, what was cached, which weights."""
    from paper_utils.encoders import cache

    cache.weights.clear()
    read, began = cache.entries_read, time.perf_counter()
    try:
        value = function(**task)
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        raise PaperError(
            f"{name}: the task {canonical_json(task)} failed: {type(error).__name__}: {reason}"
        ) from error
    return {
        "parameters": task,
        # Through JSON and back, so that a fresh value equals one that was read.
        "value": json.loads(json.dumps(value, allow_nan=False)),
        "duration_s": round(time.perf_counter() - began, 3),
        "cached_encodings": cache.entries_read - read,
        "weights": dict(cache.weights),
    }


def _partial_path(chosen: Experiment, data: Mapping[str, str], path: Path) -> Path:
    key = sha256(chosen.code_key, canonical_json(dict(data)), str(path.resolve()))[:16]
    return project_root() / "_build" / "results" / f"{chosen.name}.{key}.jsonl"


def _load_partial(path: Path) -> dict[str, dict[str, Any]]:
    done = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed while writing it
        done[canonical_json(entry["parameters"])] = entry
    return done


def _write(
    chosen: Experiment,
    data: Mapping[str, str],
    entries: list[dict[str, Any]],
    path: Path,
    command: str,
) -> None:
    save(
        path,
        {
            "schema_version": SCHEMA_VERSION,
            "name": chosen.name,
            "what": chosen.what,
            "command": command,
            "function": chosen.entry.function,
            "moved": [],
            "data": dict(data),
            "weights": weights_of(entries),
            "duration_s": round(sum(entry["duration_s"] for entry in entries), 2),
            "cached_encodings": sum(entry.get("cached_encodings", 0) for entry in entries),
            "confirmations": [],
            "tasks": [
                {key: value for key, value in entry.items() if key != "weights"}
                for entry in entries
            ],
            **circumstances(chosen),
        },
    )


def weights_of(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the checksums of all weights that finished tasks loaded, by encoder."""
    found: dict[str, str] = {}
    for entry in entries:
        found |= entry.get("weights", {})
    return dict(sorted(found.items()))


def circumstances(chosen: Experiment) -> dict[str, Any]:
    """Return when, by which code, with which versions and where something is computed."""
    return {
        "code_key": chosen.code_key,
        "commit": _commit(),
        "versions": {"python": platform.python_version()} | _versions(),
        "machine": _machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    """Return the commit, with "-dirty" where tracked files differ from it; empty outside git."""
    command = ["git", "-C", str(project_root()), "describe", "--always", "--abbrev=40"]
    command += ["--exclude=*", "--dirty"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    return outcome.stdout.strip() if outcome.returncode == 0 else ""


def _machine() -> dict[str, Any]:
    import psutil

    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
    }
