"""Recorded results: the file in `results/`, checked, and what a chapter reads of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_utils.errors import PaperError, UsageError
from paper_utils.fingerprint import canonical_json, sha256
from paper_utils.paths import project_root
from paper_utils.results.registry import Experiment, find_experiment

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1


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
        took = duration_text(self.provenance["duration_s"])
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


def duration_text(seconds: float) -> str:
    """Return a duration as a reader sees it.

    Examples
    --------
    >>> duration_text(90), duration_text(600), duration_text(9000)
    ('90 s', '10 min', '2.5 h')
    """
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
