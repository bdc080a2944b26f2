"""A reader's own record: an experiment with other parameters, kept outside the book's results."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import yaml

from paper_utils.errors import PaperError, UsageError, did_you_mean
from paper_utils.fingerprint import canonical_json
from paper_utils.paths import project_root
from paper_utils.results.compute import record_tasks
from paper_utils.results.record import Result, load, read
from paper_utils.results.registry import Experiment, find_entry, find_experiment

FOLDER = "_build/own"
"""Where own records lie, unless another folder is named; in the root of the project."""


def run_own(
    name: str,
    given: Mapping[str, str],
    folder: str = FOLDER,
    *,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Compute the experiment `name` with the parameters `given`, as text; write a record of it.
    A list means each of its values. What is not given stays as in the tasks of the experiment.
    """
    chosen, path = find_experiment(name), own_path(name, folder)
    tasks = own_tasks(chosen, given)
    options = [part for key, text in given.items() for part in ("-p", key, text)]
    options += [] if folder == FOLDER else ["-o", folder]
    command = f"{chosen.command} {shlex.join(options)}"
    return record_tasks(chosen, tasks, path, command, workers=workers, progress=progress)


def own_tasks(chosen: Experiment, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the different tasks of an experiment, with the parameters `given` in their place."""
    known = signature(chosen.function).parameters
    base = chosen.tasks()
    values = {}
    for key, text in given.items():
        if key not in known:
            raise UsageError(f"{chosen.name} has no parameter {key!r}; {did_you_mean(key, known)}")
        likes = [task[key] for task in base if key in task] or [known[key].default]
        values[key] = [_typed(key, value, likes[0]) for value in _several(text, likes[0])]
    drawn = [
        task | dict(zip(values, chosen_values, strict=True))
        for task in base
        for chosen_values in itertools.product(*values.values())
    ]
    return list({canonical_json(task): task for task in drawn}.values())


def _several(text: str, like: Any) -> list[Any]:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    return value if isinstance(value, list) and not isinstance(like, list) else [value]


def _typed(key: str, value: Any, like: Any) -> Any:
    if isinstance(like, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(like):
        raise UsageError(f"parameter {key!r} must be like {like!r}, not {value!r}")
    return value


def own_path(name: str, folder: str) -> Path:
    """Return the file of an own record; a relative `folder` is meant from the project's root."""
    path = project_root() / folder / f"{name}.json"
    if path.parent.resolve() == (project_root() / "results").resolve():
        raise UsageError(f"folder {folder!r} holds the book's records; name another, like {FOLDER}")
    return path


def get_own(name: str, folder: str) -> Result:
    """Return the record of the experiment `name` that a reader computed into `folder`."""
    known, path = find_entry(name), own_path(name, folder)
    if not path.is_file():
        raise PaperError(f"no {name!r} in {folder}; compute it: {known.command} -p … -o {folder}")
    return read(known, load(path))
