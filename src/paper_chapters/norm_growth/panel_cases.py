"""What the record of growth says: one row for each encoder, language and kind of text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from paper_utils.claims.half_widths import se_half
from paper_utils.panel.remedy_evidence import KNOWS
from paper_utils.statistics import RandomEffects, random_effects

LINES = ("states", "size", "mean", "mean_law", "cosine", "cosine_law")  #: one value a length


def growth_cases(tasks: list[tuple[dict[str, Any], dict[str, Any], float]]) -> pd.DataFrame:
    """Return one row for each task, kind of text and treatment of the states: slopes with `_se`,
    and lists by length. `counts` where the pooled states are of a trained encoder in a language
    that it knows.
    """
    rows = []
    for task, value, _ in tasks:
        for kind, found in value.items():
            for states in ("pooled", "words", "dealt"):
                row = {**task, "kind": kind, "states": states, "n_texts": found["n_texts"]}
                known = task["language"] in KNOWS.get(task["encoder"], ())
                row["counts"] = known and states == "pooled"
                row["case"] = f"{task['encoder']}, {task['language']}, {kind}"
                for name, (number, error) in found[states].items():
                    row[name], row[f"{name}_se"] = number, error
                rows.append(row)
    return pd.DataFrame(rows)


def with_ends(cases: pd.DataFrame, name: str) -> dict[str, tuple[float, float, float]]:
    """Return the value of each case and its 95% interval over texts."""
    half = se_half(cases[f"{name}_se"].to_numpy(dtype=float), cases["n_texts"])
    value = cases[name].to_numpy(dtype=float)
    ends = zip(value.tolist(), (value - half).tolist(), (value + half).tolist(), strict=True)
    return dict(zip(cases["case"], ends, strict=True))


def over_encoders(cases: pd.DataFrame, name: str) -> RandomEffects:
    """Return the mean over encoders, random effects; the cases of one are averaged, since they
    share its weights, with the error of a mean of independent cases.
    """
    of_encoder = cases.groupby("encoder", sort=False)
    error = of_encoder[f"{name}_se"].agg(lambda x: float(np.sqrt((x**2).sum()) / len(x)))
    return random_effects(of_encoder[name].mean().to_numpy(dtype=float), error.to_numpy())
