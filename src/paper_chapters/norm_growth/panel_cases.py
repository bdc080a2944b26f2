"""What the records of the panel say, as rows: of titles beside general text, and of growth."""

from __future__ import annotations

from typing import Any

import pandas as pd

from paper_utils.claims.half_widths import se_half
from paper_utils.panel.remedy_evidence import KNOWS

Tasks = list[tuple[dict[str, Any], dict[str, Any], float]]
_RATIOS = ("ratio", "at_equal_length")


def domain_rows(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each tokenizer, kind of titles and general text: ratios of subword tokens
    per word, as is and at equal length, with the half of their 95% intervals, over the fewer texts.
    """
    rows = []
    for task, value, _ in tasks:
        n = {name: next(iter(kinds.values()))["n_texts"] for name, kinds in value["texts"].items()}
        for both, found in value["domain"].items():
            titles, general = both.split(" / ")
            fewer = min(n[titles], n[general])
            half = {f"{x}_half": se_half(found[f"{x}_se"], fewer) for x in _RATIOS}
            row = {**task, "titles": titles, "general": general, **found, **half}
            rows.append(row | {"language": titles.rpartition(", ")[2]})
    return pd.DataFrame(rows)


def growth_cases(tasks: Tasks) -> pd.DataFrame:
    """Return one row for each task, kind of text and treatment of the states: slopes with `_se`,
    and lists by length. `counts` where the pooled states are of a trained encoder in a language
    that it knows.
    """
    rows = []
    for task, value, _ in tasks:
        for kind, found in value.items():
            for treatment in ("pooled", "words", "dealt"):
                row = {**task, "kind": kind, "treatment": treatment, "n_texts": found["n_texts"]}
                known = task["language"] in KNOWS.get(task["encoder"], ())
                row["counts"] = known and treatment == "pooled"
                row["case"] = f"{task['encoder']}, {task['language']}, {kind}"
                for name, (number, error) in found[treatment].items():
                    row[name], row[f"{name}_se"] = number, error
                rows.append(row)
    return pd.DataFrame(rows)


def with_ends(cases: pd.DataFrame, name: str) -> dict[str, tuple[float, float, float]]:
    """Return the value of each case and its 95% interval over texts."""
    half = se_half(cases[f"{name}_se"].to_numpy(dtype=float), cases["n_texts"])
    value = cases[name].to_numpy(dtype=float)
    ends = zip(value.tolist(), (value - half).tolist(), (value + half).tolist(), strict=True)
    return dict(zip(cases["case"], ends, strict=True))
