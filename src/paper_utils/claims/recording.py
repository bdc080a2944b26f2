"""What a chapter calls: record a measurement, glue a number, show the verdicts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from paper_utils.claims.ledger import load_claims
from paper_utils.claims.tables import markdown_table
from paper_utils.claims.values import format_value, plain
from paper_utils.claims.verdict import Record, Verdict, judge
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.paths import write_text

_GLUED = "application/papermill.record/"
_METADATA = "paper_claim"  # where a record travels: the metadata of a cell's output
_recorded: dict[str, Record] = {}


class _Recorded:
    """What `record` leaves in the notebook: data for the ledger, a line for the reader."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        # The form of a glued value: kept in the notebook, not shown as a stray output, and
        # quotable in the prose as {glue:text}`claim-ID`.
        data = {f"{_GLUED}text/plain": repr(self)}
        name = f"claim-{self.record.id}"
        scrapbook = {"name": name, "mime_prefix": _GLUED}
        return data, {_METADATA: asdict(self.record), "scrapbook": scrapbook}

    def __repr__(self) -> str:
        text = f"{self.record.id}: {format_value(self.record.measured)}"
        if self.record.interval is not None:
            text += f" {format_value(self.record.interval)}"
        return text


def record(
    id: str,
    measured: Any,
    *,
    interval: Any = None,
    n: int | None = None,
    seeds: Iterable[int] = (),
    data: Any = None,
    note: str = "",
) -> None:
    """Record what this chapter measured for the claim `id`, as an output of the cell.

    `measured` is a value or maps conditions to values (see :func:`judge`); `interval`, (low, high)
    or a mapping of these, is 95% unless `note`, on how it was measured, says otherwise. `n` counts
    the items measured. `data` is a catalogue or maps names to checksums.
    """
    claims = load_claims()
    if id not in claims:
        raise UsageError(f"no claim {id!r} in book/claims.yml; {did_you_mean(id, claims)}")
    if id in _recorded:
        raise UsageError(f"the claim {id!r} is recorded twice in this chapter")
    interval = plain(interval)
    for pair in interval.values() if isinstance(interval, dict) else [interval]:
        if pair is not None and (len(pair) != 2 or pair[0] > pair[1]):
            raise UsageError(f"{id}: an interval is (low, high), not {pair}")
    if hasattr(data, "sha256"):
        data = {data.name: data.sha256}
    entry = Record(
        id=id,
        measured=plain(measured),
        interval=interval,
        n=None if n is None else int(n),
        seeds=[int(seed) for seed in seeds],
        data=plain(data or {}),
        note=note,
        profile=os.environ.get("PAPER_PROFILE", "custom"),
    )
    judge(claims[id], entry)  # a rule that does not fit the measurement is an error here
    _recorded[id] = entry
    if folder := os.environ.get("PAPER_MEASURED"):  # the tests read there what nbval's kernels had
        write_text(Path(folder) / f"{id}.json", json.dumps(asdict(entry)))
    from IPython.display import display

    display(_Recorded(entry))


def glue(name: str, value: Any) -> None:
    """Store one number or text as `name`, for ``{glue:text}`name:.3f` `` in the prose.

    NumPy scalars become Python numbers: the page prints `0.5`, not `np.float64(0.5)`.
    """
    from myst_nb import glue as store

    value = plain(value)
    if isinstance(value, list | dict) or value is None:
        raise UsageError(f"glue({name!r}): one number or text, not {type(value).__name__}")
    store(name, _Bare(value) if isinstance(value, str) else value, display=False)


class _Bare(str):
    """Text that is glued without quotation marks."""

    def __repr__(self) -> str:
        return str(self)


class _Table:
    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        self.verdicts = verdicts

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/markdown": markdown_table(self.verdicts), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return "\n".join(f"{item.claim.id}: {item.verdict}" for item in self.verdicts)


def verdicts() -> _Table:
    """Return the table of the claims recorded so far, shown by the last cell of every chapter."""
    if not _recorded:
        raise UsageError("this chapter has recorded no claim yet; call record(...) first")
    claims = load_claims()
    return _Table([judge(claims[id], entry) for id, entry in _recorded.items()])


def records_in(notebook: Mapping[str, Any]) -> dict[str, Record]:
    """Return the records that an executed notebook carries, by claim id."""
    found: dict[str, Record] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            fields = output.get("metadata", {}).get(_METADATA)
            if fields:
                found[fields["id"]] = Record(**fields)
    return found
