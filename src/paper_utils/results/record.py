"""Recorded results: the file in `results/`, checked, and what a chapter reads of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_utils.errors import PaperError, UsageError
from paper_utils.fingerprint import canonical_json, sha256
from paper_utils.paths import project_root, write_text
from paper_utils.results.registry import Entry, command, find_entry, index
from paper_utils.results.tolerance import Tolerance, compare

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 2

# What schema 2 added, empty.
_ADDED: dict[str, Any] = {"function": "", "weights": {}, "moved": [], "confirmations": []}

# What is added to a record after its values were computed, or says where their code lies: a page
# that shows the values does not change with it.
_BESIDE = {*_ADDED, "schema_version", "code_key", "commit", "disagreement"}


@dataclass(frozen=True)
class Result:
    """A recorded result.
    `tasks` holds (parameters, value, seconds); `provenance` all else that the file says; `state` is
    'current', 'confirmed' or 'stale' (see :func:`state_of`); `function` computes it today.
    """

    name: str
    tasks: list[tuple[dict[str, Any], dict[str, Any], float]]
    provenance: dict[str, Any]
    state: str
    function: str = ""

    @property
    def stale(self) -> bool:
        """Return whether the present code may give other values."""
        return self.state == "stale"

    @property
    def label(self) -> str:
        """Return one line: when it was recorded, how long it took, how to re-run it, and where."""
        took = duration_text(self.provenance["duration_s"])
        if self.provenance.get("cached_encodings"):
            took += " with encodings from the cache"
        text = (
            f"recorded {self.provenance['date'][:10]}, took {took}; "
            f"re-run: `{self.provenance['command']}`; computed by `{self.function}`"
        )
        if self.state == "confirmed":
            return f"{text}; confirmed by recomputation"
        if not self.stale:
            return text
        if "disagreement" in self.provenance:
            return f"STALE (computed anew it differs): {text}"
        return f"STALE (the code has changed since): {text}"

    def frame(self) -> pd.DataFrame:
        """Return one row per task: its parameters, then its values."""
        import pandas as pd

        return pd.DataFrame([parameters | value for parameters, value, _ in self.tasks])

    def value(self, **parameters: Any) -> dict[str, Any]:
        """Return the value of the one task with these parameters."""
        found = [
            value
            for task, value, _ in self.tasks
            if all(task.get(key) == wanted for key, wanted in parameters.items())
        ]
        if len(found) != 1:
            raise UsageError(f"{self.name}: {len(found)} tasks match {parameters}, not one")
        return found[0]

    def agrees(self, live: Mapping[str, Any], *, rel: float = 1e-4, **parameters: Any) -> str:
        """Check a value computed just now against the record; return a line that says so."""
        tolerance = Tolerance(rel=rel, abs=rel * 1e-12, why="A slice that a chapter computes.")
        found = compare(self.value(**parameters), live, tolerance)
        if not found.agrees:
            raise PaperError(
                f"{self.name}: the live slice {parameters} has {found.worst}; "
                f"re-run: {self.provenance['command']}"
            )
        return f"live slice agrees with the record in {found.compared} numbers to {rel:g}"


def duration_text(seconds: float) -> str:
    """Return a duration as a reader sees it.

    >>> duration_text(90), duration_text(600), duration_text(9000)
    ('90 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def result_path(name: str) -> Path:
    """Return the file of the result `name`."""
    return project_root() / "results" / f"{name}.json"


def recorded() -> list[str]:
    """Return the names of all results that are recorded."""
    return sorted(path.stem for path in (project_root() / "results").glob("*.json"))


def get(name: str) -> Result:
    """Return the recorded result of the experiment `name`."""
    known = find_entry(name)
    path = result_path(name)
    if not path.is_file():
        raise PaperError(f"no result {name!r} yet; compute it: {known.command}")
    return read(known, load(path))


def read(known: Entry, content: Mapping[str, Any]) -> Result:
    """Return the checked `content` of a record file as a result of the experiment `known`."""
    return Result(
        name=known.name,
        tasks=[
            (task["parameters"], task["value"], task["duration_s"]) for task in content["tasks"]
        ],
        provenance={key: value for key, value in content.items() if key != "tasks"},
        state=state_of(content, known.code_key),
        function=known.function,
    )


def state_of(content: Mapping[str, Any], code_key: str) -> str:
    """Return what a record is worth to the code with `code_key`. 'current': computed by it;
    'confirmed': recomputed in part by it; else 'stale', as is one whose recomputation differed.
    """
    if "disagreement" in content:
        return "stale"
    if content["code_key"] == code_key:
        return "current"
    confirmed = {item["code_key"] for item in content["confirmations"]}
    return "confirmed" if code_key in confirmed else "stale"


def is_current(name: str) -> bool:
    """Return whether a whole record `name` is there that the present code gives or confirmed."""
    try:
        return not get(name).stale
    except PaperError:
        return False


def shown(path: Path) -> str:
    """Return all that a page may show of the record in `path`; one more confirmation is not."""
    known = index().get(path.stem)
    try:
        content = load(path)
    except PaperError:
        return path.read_text(encoding="utf-8", errors="replace")
    kept = {key: value for key, value in content.items() if key not in _BESIDE}
    return canonical_json([kept, read(known, content).label if known else ""])


def load(path: Path) -> dict[str, Any]:
    """Return the content of a result file, checked, in the present schema."""
    redo = f"recompute it: {command(path.stem)}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("sha256")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise PaperError(f"{path.name} is not a result file; {redo}") from None
    if content.get("schema_version") not in (1, SCHEMA_VERSION):
        raise PaperError(f"{path.name} has schema {content.get('schema_version')!r}; {redo}")
    if checksum != sha256(canonical_json(content)):
        raise PaperError(f"{path.name} was edited by hand or damaged; {redo}")
    return _ADDED | content | {"schema_version": SCHEMA_VERSION}


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write a record with its checksum; a reader sees the old one or the new one."""
    content = {key: content[key] for key in sorted(content, key=_place)}
    content["sha256"] = sha256(canonical_json(content))
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


_ORDER = (
    *("schema_version", "name", "what", "command", "function", "code_key", "commit", "moved"),
    *("data", "weights", "versions", "machine", "date", "duration_s", "cached_encodings"),
    *("confirmations", "disagreement"),
)


def _place(key: str) -> int:
    """Return where `key` stands in the file: the tasks, which are long, last."""
    return _ORDER.index(key) if key in _ORDER else len(_ORDER)
