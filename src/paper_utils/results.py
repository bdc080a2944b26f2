"""Long computations, kept with their provenance.

An *experiment* is a named list of independent tasks, each a call of one pure function.
``paper results run NAME`` computes it and writes `results/NAME.json`; chapters read it
with :func:`get`, which says when it was recorded, how long it took and how to re-run it,
and whether code has changed since. Finished tasks survive an interruption.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_utils.errors import PaperError, UsageError, did_you_mean
from paper_utils.fingerprint import canonical_json, code_key, modules_used, sha256
from paper_utils.paths import PACKAGE, project_root, write_text

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
# These carry values about and cannot change them.
_PLUMBING = tuple(
    f"paper_utils.{name}"
    for name in ("results", "fingerprint", "paths", "errors", "encoders.cache")
)
_LIBRARIES = ("numpy", "scipy", "torch", "transformers", "sentence-transformers", "bm25s")


@dataclass(frozen=True)
class Experiment:
    """A long computation by name.

    Attributes
    ----------
    name : str
        Also the name of its file in `results/`.
    what : str
        One sentence for `paper results list`.
    function : callable
        ``function(**task) -> JSON-able mapping``; pure, so that tasks may run anywhere.
    tasks : callable
        ``tasks() -> list of keyword arguments``, one mapping per independent task.
    data : callable
        ``data() -> {name: checksum}`` of the real data that enters.
    """

    name: str
    what: str
    function: Callable[..., Mapping[str, Any]]
    tasks: Callable[[], list[dict[str, Any]]]
    data: Callable[[], dict[str, str]] = field(default=dict)

    @cached_property
    def code_key(self) -> str:
        """Return the checksum of the code that the result depends on."""
        return code_key(modules_used(f"import {self.function.__module__}", without=_PLUMBING))

    @property
    def command(self) -> str:
        """Return the command that recomputes it."""
        return f"paper results run {self.name}"


_registry: dict[str, Experiment] = {}


def experiment(
    name: str,
    what: str,
    *,
    tasks: Callable[[], list[dict[str, Any]]],
    data: Callable[[], dict[str, str]] = dict,
) -> Callable[[Callable[..., Mapping[str, Any]]], Callable[..., Mapping[str, Any]]]:
    """Register the decorated function as the experiment `name`.

    Experiments live in the modules of `paper_utils.experiments`, one subject each.

    Parameters
    ----------
    name, what, tasks, data
        As in :class:`Experiment`.
    """

    def register(function: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
        _registry[name] = Experiment(name, what, function, tasks, data)
        return function

    return register


def experiments() -> dict[str, Experiment]:
    """Return all experiments by name."""
    for path in sorted((PACKAGE / "experiments").glob("[!_]*.py")):
        import_module(f"paper_utils.experiments.{path.stem}")
    return dict(sorted(_registry.items()))


def find_experiment(name: str) -> Experiment:
    """Return the experiment `name`.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    known = experiments()
    if name not in known:
        raise UsageError(f"no experiment {name!r}; {did_you_mean(name, known)}")
    return known[name]


# ---------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class Result:
    """A recorded result.

    Attributes
    ----------
    name : str
    tasks : list of (parameters, value, seconds)
    provenance : mapping
        `command`, `code_key`, `data`, `versions`, `machine`, `date`, `duration_s`.
    stale : bool
        The code has changed since it was recorded.
    """

    name: str
    tasks: list[tuple[dict[str, Any], dict[str, Any], float]]
    provenance: dict[str, Any]
    stale: bool

    @property
    def label(self) -> str:
        """Return one line: when it was recorded, how long it took, how to re-run it."""
        took = _duration(self.provenance["duration_s"])
        if self.provenance.get("cached_encodings"):
            took += " with encodings from the cache"
        text = (
            f"recorded {self.provenance['date'][:10]}, took {took}; "
            f"re-run: `{self.provenance['command']}`"
        )
        return f"STALE (the code has changed since): {text}" if self.stale else text

    def frame(self) -> pd.DataFrame:
        """Return one row per task: its parameters, then its values."""
        import pandas as pd

        return pd.DataFrame([parameters | value for parameters, value, _ in self.tasks])

    def value(self, **parameters: Any) -> dict[str, Any]:
        """Return the value of the one task with these parameters.

        Raises
        ------
        UsageError
            No task, or more than one, has them.
        """
        found = [
            value
            for task, value, _ in self.tasks
            if all(task.get(key) == wanted for key, wanted in parameters.items())
        ]
        if len(found) != 1:
            raise UsageError(f"{self.name}: {len(found)} tasks match {parameters}, not one")
        return found[0]

    def agrees(self, live: Mapping[str, Any], *, rel: float = 1e-4, **parameters: Any) -> str:
        """Check a freshly computed slice against the record; return a line that says so.

        Parameters
        ----------
        live : mapping
            What the function returned just now for the task with `parameters`.
        rel : float
            Largest relative difference allowed per number.

        Raises
        ------
        PaperError
            A number differs, or one of the two lacks it.
        """
        recorded = self.value(**parameters)
        worst = 0.0
        pairs = list(_numbers(recorded, live, self.name))
        for place, old, new in pairs:
            gap = abs(old - new) / max(abs(old), abs(new), 1e-12)
            if gap > rel:
                raise PaperError(
                    f"{self.name}: the live slice {parameters} has {place} = {new:.6g}, "
                    f"recorded {old:.6g}; re-run: {self.provenance['command']}"
                )
            worst = max(worst, gap)
        return f"live slice agrees with the record in {len(pairs)} numbers to {rel:g}"


def _numbers(old: Any, new: Any, place: str) -> Iterable[tuple[str, float, float]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
        for key in old:
            yield from _numbers(old[key], new[key], str(key))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for number, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _numbers(a, b, f"{place}[{number}]")
    elif isinstance(old, int | float) and isinstance(new, int | float):
        yield place, float(old), float(new)
    elif old != new:
        raise PaperError(f"the live slice has {place} = {new!r}, recorded {old!r}")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def result_path(name: str) -> Path:
    """Return the file of the result `name`."""
    return project_root() / "results" / f"{name}.json"


def get(name: str) -> Result:
    """Return the recorded result of the experiment `name`.

    Parameters
    ----------
    name : str
        An experiment of `paper results list`.

    Raises
    ------
    UsageError
        No such experiment.
    PaperError
        It was never run, or its file was damaged or edited by hand.
    """
    known = find_experiment(name)
    path = result_path(name)
    if not path.is_file():
        raise PaperError(f"no result {name!r} yet; compute it: {known.command}")
    content = load(path)
    return Result(
        name=name,
        tasks=[
            (task["parameters"], task["value"], task["duration_s"]) for task in content["tasks"]
        ],
        provenance={key: value for key, value in content.items() if key != "tasks"},
        stale=content["code_key"] != known.code_key,
    )


def is_current(chosen: Experiment) -> bool:
    """Return whether a result of the present code is recorded."""
    return result_path(chosen.name).is_file() and not get(chosen.name).stale


def load(path: Path) -> dict[str, Any]:
    """Return the content of a result file, checked.

    Raises
    ------
    PaperError
        Not JSON, of another schema, or edited by hand.
    """
    redo = f"recompute it: paper results run {path.stem}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise PaperError(f"{path.name} is not a result file; {redo}") from None
    if content.get("schema_version") != SCHEMA_VERSION:
        raise PaperError(f"{path.name} has schema {content.get('schema_version')!r}; {redo}")
    if checksum != sha256(canonical_json(content)):
        raise PaperError(f"{path.name} was edited by hand or damaged; {redo}")
    return content


# -------------------------------------------------------------------------- computing


def run(
    name: str,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> Path:
    """Compute the experiment `name` and write its result.

    Parameters
    ----------
    name : str
    workers : int, optional
        Processes side by side; all local cores by default.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    Path
        The result file. Tasks that were finished before an interruption of the same code
        are not repeated.

    Raises
    ------
    UsageError
        No such experiment.
    PaperError
        The scheduler does not answer, or a task failed.
    """
    chosen = find_experiment(name)
    tasks = chosen.tasks()
    partial = _partial_path(chosen)
    done = _load_partial(partial)
    missing = [task for task in tasks if canonical_json(task) not in done]
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("a", encoding="utf-8") as stream:
        for entry in _compute(chosen, missing, workers, scheduler, progress):
            stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
            stream.flush()
            done[canonical_json(entry["parameters"])] = entry
    path = _write(chosen, [done[canonical_json(task)] for task in tasks])
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
    calls = (joblib.delayed(_timed)(chosen.name, chosen.function, task) for task in tasks)
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


def _backend(scheduler: str | None) -> Any:
    from contextlib import nullcontext

    import joblib

    if scheduler is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError:
        raise PaperError(
            "--scheduler needs Dask: pip install 'dual-encoder-limits[cluster]'"
        ) from None
    try:
        Client(scheduler, timeout=5)
    except (OSError, TimeoutError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PaperError(f"no Dask scheduler answers at {scheduler!r}: {reason}") from None
    return joblib.parallel_config(backend="dask")


def _timed(
    name: str, function: Callable[..., Mapping[str, Any]], task: dict[str, Any]
) -> dict[str, Any]:
    """Return a finished task as it is kept: parameters, value, duration, what was cached."""
    from paper_utils.encoders import cache

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
    }


def _partial_path(chosen: Experiment) -> Path:
    key = chosen.code_key[:16]
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


def _write(chosen: Experiment, entries: list[dict[str, Any]]) -> Path:
    content = {
        "schema_version": SCHEMA_VERSION,
        "name": chosen.name,
        "what": chosen.what,
        "command": chosen.command,
        "code_key": chosen.code_key,
        "commit": _commit(),
        "data": chosen.data(),
        "versions": {"python": platform.python_version()} | _versions(),
        "machine": _machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_s": round(sum(entry["duration_s"] for entry in entries), 2),
        "cached_encodings": sum(entry.get("cached_encodings", 0) for entry in entries),
        "tasks": entries,
    }
    content["sha256"] = sha256(canonical_json(content))
    path = result_path(chosen.name)
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    return path


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
