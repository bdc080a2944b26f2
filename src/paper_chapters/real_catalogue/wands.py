"""WANDS: furniture, 480 customer queries and human relevance judgements.

Chen, Liu, Liu, Sun, Baltrunas, Schroeder, "WANDS: dataset for product search relevance assessment",
ECIR 2022. Its three .csv files are separated by tabs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from paper_utils.data.sources import data_file
from paper_utils.errors import UsageError

GRADES = {"Exact": 2, "Partial": 1, "Irrelevant": 0}  #: what a judgment is worth
_COLUMNS = {
    "product.csv": ("product_id", "product_name", "product_class"),
    "query.csv": ("query_id", "query"),
    "label.csv": ("query_id", "product_id", "label"),
}


@dataclass(frozen=True, eq=False)
class Wands:
    """Products, queries and judgements."""

    titles: tuple[str, ...]
    classes: tuple[str, ...]  # of the shop; empty where it gives none
    queries: tuple[str, ...]  # those with at least one judgement Exact
    grades: sparse.csr_array  # (n_queries, n_titles); 2 exact, 1 partial, 0 also where not judged
    judged: sparse.csr_array  # bool, (n_queries, n_titles)
    left_out: int  # queries without an exact product


def load_wands(folder: str | os.PathLike[str] | None = None) -> Wands:
    """Read WANDS from `folder`, or from where ``paper data fetch wands`` puts it. Missing columns,
    unknown or repeated ids, unknown labels and contradictory judgements raise `UsageError`.
    """
    tables = {name: _read(name, folder) for name in _COLUMNS}
    products, queries = tables["product.csv"], tables["query.csv"]
    places = _places(products["product_id"], "product.csv")
    numbers = _places(queries["query_id"], "query.csv")
    labels = tables["label.csv"].drop_duplicates(["query_id", "product_id", "label"])
    unknown = sorted(set(labels["label"]) - set(GRADES))
    if unknown:
        raise UsageError(f"label.csv: {unknown[0]!r} is none of {', '.join(GRADES)}")
    doubled = labels.duplicated(["query_id", "product_id"])
    if doubled.any():
        first = labels[doubled].iloc[0]
        raise UsageError(
            f"label.csv judges query {first['query_id']} and product {first['product_id']} twice, "
            "and not alike"
        )
    row = _known(labels["query_id"], numbers, "query")
    column = _known(labels["product_id"], places, "product")
    shape = (len(queries), len(products))
    value = labels["label"].map(GRADES).to_numpy(dtype=np.int8)
    grades = sparse.csr_array((value, (row, column)), shape=shape)
    judged = sparse.csr_array((np.ones(len(row), dtype=bool), (row, column)), shape=shape)
    grades.eliminate_zeros()
    kept = np.flatnonzero((grades == 2).sum(axis=1) > 0)
    if not len(kept):
        raise UsageError("label.csv: no query has a product judged 'Exact', so there is no search")
    return Wands(
        titles=tuple(products["product_name"]),
        classes=tuple(products["product_class"]),
        queries=tuple(queries["query"].iloc[kept]),
        grades=grades[kept],
        judged=judged[kept],
        left_out=len(queries) - len(kept),
    )


def _read(name: str, folder: str | os.PathLike[str] | None) -> pd.DataFrame:
    path = Path(folder).expanduser() / name if folder is not None else data_file("wands", name)
    if not path.is_file():
        raise UsageError(f"{path.parent} has no file {name!r}")
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8")
    except (ValueError, pd.errors.ParserError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{name} is no table separated by tabs: {reason}") from None
    missing = [column for column in _COLUMNS[name] if column not in table.columns]
    if missing:
        raise UsageError(
            f"{name} has no column {missing[0]!r}; it has {', '.join(map(str, table.columns))}"
        )
    return table


def _places(ids: pd.Series, name: str) -> dict[str, int]:
    places = {identifier: place for place, identifier in enumerate(ids)}
    if len(places) < len(ids):
        raise UsageError(f"{name} has the id {ids[ids.duplicated()].iloc[0]!r} twice")
    return places


def _known(ids: pd.Series, places: dict[str, int], what: str) -> np.ndarray:
    found = ids.map(places)
    if found.isna().any():
        raise UsageError(f"label.csv judges an unknown {what}: {ids[found.isna()].iloc[0]!r}")
    return found.to_numpy(dtype=np.int64)
