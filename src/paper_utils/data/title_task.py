"""A retrieval task over titles without judgements: relevance from classes and stated attributes.

*Coarse* queries name a class, *fine* ones a class and one value ("отвертка 100 мм"). *Minimal
pairs* are two titles that differ in one number; the query is one of them with that number
rewritten ("100мм" becomes "100 мм").
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from scipy import sparse

from paper_utils.data.attributes import (
    ATTRIBUTE_NAMES,
    attribute_text,
    mine_attributes,
    rewrite_attribute,
    without_attribute,
)
from paper_utils.data.catalogue import Catalogue
from paper_utils.data.diy_items import vocabulary
from paper_utils.errors import UsageError

LEAST_TITLES = 50
LEAST_IN_CLASS = 10  #: classes with fewer titles get no query
LEAST_PAIRS = 200  #: fewer pairs of an attribute are reported as not measurable
_PAIRS_A_QUERY = 20
_COLUMNS = ("class", "category", "tool_class")


@dataclass(frozen=True, eq=False)
class QuerySet:
    """Queries, their grades, and pairs of titles of which one is right."""

    texts: tuple[str, ...]
    grades: sparse.csr_array  # (n_queries, n_titles); 2: right, 1: of the class
    # Columns query, right, wrong, attribute, and family, the unit to resample. Of a fine query,
    # both titles are of the class and agree in every other attribute.
    pairs: pd.DataFrame


@dataclass(frozen=True, eq=False)
class TitleTask:
    """Titles with their classes and attributes, and queries for them."""

    language: str
    titles: tuple[str, ...]
    classes: NDArray[np.str_]  # (n_titles,); empty where the category names no kind of article
    attributes: pd.DataFrame  # as mine_attributes returns it
    coarse: QuerySet
    fine: QuerySet
    minimal: QuerySet  # of minimal pairs


def title_task(
    catalogue: Catalogue, language: str, *, n_queries: int = 300, seed: int = 0
) -> TitleTask:
    """Build the task from at least 50 titles with a column of classes.
    The column is ``class``, ``category`` (the last part of a path with ``/``) or ``tool_class``.
    `language` is that of the queries. At most `n_queries` queries are fine, and at most as many are
    minimal-pair queries of one attribute.
    """
    if language not in ("ru", "en"):
        raise UsageError(f"language must be 'ru' or 'en', not {language!r}")
    if n_queries < 2:
        raise UsageError(f"n_queries must be at least 2, not {n_queries}")
    n = len(catalogue)
    if n < LEAST_TITLES:
        raise UsageError(f"{catalogue.name}: {n} titles; at least {LEAST_TITLES} are needed")
    classes = title_classes(catalogue, language)
    found = mine_attributes(catalogue.titles)
    if not found.notna().any(axis=None):
        raise UsageError(
            f"{catalogue.name}: no title states an attribute ({', '.join(ATTRIBUTE_NAMES)}); "
            "see paper_utils.data.attributes for what is read"
        )
    rng = np.random.default_rng(seed)
    return TitleTask(
        language=language,
        titles=tuple(catalogue.titles),
        classes=classes,
        attributes=found,
        coarse=_coarse(classes, language),
        fine=_fine(catalogue.name, classes, found, language, n_queries, rng),
        minimal=_minimal_pairs(catalogue.titles, found, language, n_queries, rng),
    )


def family_shares(right: NDArray, wrong: NDArray, pairs: pd.DataFrame) -> pd.Series:
    """Return the share of pairs in the right order by attribute and family; a tie counts half.
    `right` and `wrong` are the scores of the two titles of each pair. A query counts once in its
    family.
    """
    won = pairs.assign(won=(right > wrong) + (right == wrong) / 2)
    by_query = won.groupby(["attribute", "family", "query"])["won"].mean()
    return by_query.groupby(["attribute", "family"]).mean()


def title_classes(catalogue: Catalogue, language: str) -> NDArray[np.str_]:
    """Return the class of each title as a query names it; empty where generic or rare.
    A class needs `LEAST_IN_CLASS` titles; fewer than two such classes raise `UsageError`.
    """
    table = catalogue.table
    column = next((name for name in _COLUMNS if name in table.columns), None)
    if column is None:
        raise UsageError(
            f"{catalogue.name} has no column 'class' or 'category' that says what kind of article "
            f"each title is; it has {', '.join(map(str, table.columns))}"
        )
    said = table[column].fillna("").astype(str)
    names = {value: _spoken(value, column, language) for value in said.unique()}
    classes = np.array([names[value] for value in said], dtype=str)
    counts = pd.Series(classes[classes != ""]).value_counts()
    kept = counts.index[counts >= LEAST_IN_CLASS]
    if len(kept) < 2:
        raise UsageError(
            f"{catalogue.name}: {len(kept)} class of at least {LEAST_IN_CLASS} titles in column "
            f"{column!r}; at least 2 are needed to tell them apart"
        )
    return np.where(np.isin(classes, kept), classes, "")


@functools.cache
def _vocabulary() -> dict[str, Any]:
    text = files(__package__).joinpath("title_classes.yml").read_text("utf-8")
    return yaml.safe_load(text)


def _spoken(value: str, column: str, language: str) -> str:
    if column == "tool_class":
        entry = next(c for c in vocabulary()["classes"] if c["id"] == value)
        form = entry[language][0]
        return (form if language == "en" else form[0]).lower()
    leaf = value.split("/")[-1].strip()
    words = _vocabulary()
    if leaf in words["generic"]:
        return ""
    if language == "en":
        if leaf in words["english"]:
            return words["english"][leaf]
        if re.search(r"[а-яё]", leaf.lower()):
            return ""
    return re.sub(r"\s*\(.*?\)", "", leaf).lower()


def _coarse(classes: NDArray[np.str_], language: str) -> QuerySet:
    names = sorted({str(name) for name in classes} - {""})
    grades = sparse.csr_array(np.stack([2 * (classes == name) for name in names]).astype(np.int8))
    return QuerySet(tuple(names), grades, _frame([]))


def _fine(
    source: str,
    classes: NDArray[np.str_],
    found: pd.DataFrame,
    language: str,
    n_queries: int,
    rng: np.random.Generator,
) -> QuerySet:
    values = found.to_numpy()
    needs = []
    for place, name in enumerate(ATTRIBUTE_NAMES):
        stated = np.flatnonzero((classes != "") & ~np.isnan(values[:, place]))
        table = pd.DataFrame({"class": classes[stated], "value": values[stated, place]})
        for kind, group in table.groupby("class")["value"]:
            if group.nunique() > 1:
                needs += [(str(kind), name, float(v)) for v in sorted(group.unique())]
    chosen = [needs[i] for i in rng.permutation(len(needs))[:n_queries]]
    texts, grades, pairs = [], [], []
    for kind, name, value in chosen:
        place = ATTRIBUTE_NAMES.index(name)
        of_class = classes == kind
        right = np.flatnonzero(of_class & (values[:, place] == value))
        others = of_class & ~np.isnan(values[:, place]) & (values[:, place] != value)
        wrong = np.flatnonzero(others)
        rest = [i for i in range(len(ATTRIBUTE_NAMES)) if i != place]
        same = _equal(values[right][:, None, rest], values[wrong][None, :, rest])
        some = _some_pairs(np.argwhere(same), rng)
        number = len(texts)
        pairs += [(number, int(right[i]), int(wrong[j]), name, kind) for i, j in some]
        row = of_class.astype(np.int8)
        row[right] = 2
        grades.append(sparse.csr_array(row[None, :]))
        texts.append(f"{kind} {attribute_text(name, value, language)}")
    if not texts:
        raise UsageError(
            f"{source}: no fine query has a relevant title: no class has two titles that state "
            "different values of one attribute"
        )
    return QuerySet(tuple(texts), sparse.vstack(grades, format="csr"), _frame(pairs))


def _equal(first: NDArray, second: NDArray) -> NDArray[np.bool_]:
    """Whether all attributes agree, both missing included."""
    return ((first == second) | (np.isnan(first) & np.isnan(second))).all(axis=-1)


def _some_pairs(pairs: NDArray, rng: np.random.Generator) -> NDArray:
    return pairs[rng.permutation(len(pairs))[:_PAIRS_A_QUERY]]


def _minimal_pairs(
    titles: list[str],
    found: pd.DataFrame,
    language: str,
    n_queries: int,
    rng: np.random.Generator,
) -> QuerySet:
    texts, rows, pairs = [], [], []
    for name in ATTRIBUTE_NAMES:
        families: dict[str, dict[float, int]] = defaultdict(dict)
        for i in np.flatnonzero(found[name].notna()):
            families[without_attribute(titles[i], name)].setdefault(float(found[name].iat[i]), i)
        several = [family for family in families.values() if len(family) > 1]
        titled = [(number, i) for number, family in enumerate(several) for i in family.values()]
        for at in rng.permutation(len(titled))[:n_queries]:
            number, right = titled[at]
            wrong = [i for i in several[number].values() if i != right]
            chosen = rng.permutation(len(wrong))[:_PAIRS_A_QUERY]
            where = len(texts), int(right)
            pairs += [(*where, int(wrong[j]), name, f"{name} {number}") for j in chosen]
            texts.append(rewrite_attribute(titles[right], name, language))
            rows.append(right)
    ones = np.full(len(rows), 2, dtype=np.int8)
    shape = (len(rows), len(titles))
    grades = sparse.csr_array((ones, (np.arange(len(rows)), rows)), shape=shape)
    return QuerySet(tuple(texts), grades, _frame(pairs))


def _frame(pairs: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["query", "right", "wrong", "attribute", "family"])
