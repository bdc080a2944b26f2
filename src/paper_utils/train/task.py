"""The catalogue task: coarse and fine search for tools, in practice and in the test.

The protocol, fixed before any system was trained or measured on it:

1. *Items.* Two catalogues of `diy` a seed and language: `N_PRACTICE` items to practise on,
   `N_TEST` others to search.
2. *Queries.* From attributes (:mod:`paper_utils.data.diy_queries`): coarse ones name class and
   power source, fine ones up to three attributes more. No combination of attributes that
   :func:`is_held_out` is ever asked for in practice, nor a wording that matches `HELD_OUT_FORMS`;
   the test has both kinds, and results are given apart.
3. *Measure.* nDCG@10 of the fine queries, gains 2^grade − 1 (grade 2: all attributes, 1: class
   and power source only), mean over queries, ties at their expectation. Beside it nDCG@10 of the
   coarse queries and the accuracy on pairs that differ in one attribute.
4. *Decision.* 'A dual encoder cannot rank finely' holds on this task if the cross-encoder, trained
   on the same practice, exceeds the best two-tower of at most 256 dimensions by at least `MARGIN`
   of nDCG@10 on the fine queries, with the whole 95% interval of the paired difference above 0,
   and by more than it does on the coarse ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from paper_utils.data.diy import diy_catalogue
from paper_utils.data.diy_queries import CONSTRAINTS, DiyQueries, diy_queries
from paper_utils.errors import UsageError
from paper_utils.fingerprint import canonical_json, sha256

N_PRACTICE = 3000
N_TEST = 1000
N_PRACTICE_QUERIES = 4000
N_TEST_QUERIES = 330  # some thirty of them coarse: there are no more kinds of tools
MARGIN = 0.05

#: Wordings that practice never shows.
HELD_OUT_FORMS = {
    "ru": r"вольт|ватт|а/ч|без щ[её]ток|акб",
    "en": r"volt|watt|amp hour|no brushes|millimet",
}
# One need in four.
_HELD_OUT_PART = 4
_PAIRS_PER_CONSTRAINT = 20
_OTHER_IMPACT = {"drill": "impact-drill", "impact-drill": "drill"}


@dataclass(frozen=True, eq=False)
class CatalogueTask:
    """Practice and test of one language and seed.

    Attributes
    ----------
    language : str
    seed : int
    practice_items, items : DataFrame
        As :func:`~paper_utils.data.diy.diy_catalogue` returns them.
    practice_queries, queries : DiyQueries
        Over `practice_items` and over `items`.
    held_out : ndarray of bool, shape (n_queries,)
        Test queries for a combination of attributes that practice never asks for.
    new_form : ndarray of bool, shape (n_queries,)
        Test queries in a wording that practice never shows.
    """

    language: str
    seed: int
    practice_items: pd.DataFrame
    practice_queries: DiyQueries
    items: pd.DataFrame
    queries: DiyQueries
    held_out: NDArray[np.bool_]
    new_form: NDArray[np.bool_]

    @property
    def fine(self) -> NDArray[np.bool_]:
        """Which test queries are fine ones, shape (n_queries,)."""
        return np.array([level == "fine" for level in self.queries.level])


def catalogue_task(
    language: str,
    seed: int = 0,
    *,
    n_practice: int = N_PRACTICE,
    n_items: int = N_TEST,
    n_practice_queries: int = N_PRACTICE_QUERIES,
    n_queries: int = N_TEST_QUERIES,
) -> CatalogueTask:
    """Return the task of one language and seed; both languages have the same items and needs.

    Parameters
    ----------
    language : {'ru', 'en'}
    seed : int
        0 or more.
    n_practice, n_items : int
        Items to practise on, and to search; at least 50 each.
    n_practice_queries, n_queries : int
        Before those held out are left out of practice.

    Returns
    -------
    CatalogueTask

    Raises
    ------
    UsageError
        Fewer than 50 items, or as :func:`~paper_utils.data.diy_queries.diy_queries`.

    Examples
    --------
    >>> task = catalogue_task("en", n_practice=200, n_items=60, n_practice_queries=80, n_queries=40)
    >>> any(map(is_held_out, task.practice_queries.needs)), bool(task.held_out.any())
    (False, True)
    """
    for name, value in (("n_practice", n_practice), ("n_items", n_items)):
        if value < 50:
            raise UsageError(f"{name} must be at least 50, not {value}")
    practice_items = diy_catalogue(n_practice, language, seed=2 * seed + 1)
    items = diy_catalogue(n_items, language, seed=2 * seed)
    asked = diy_queries(practice_items, language, n_queries=n_practice_queries, seed=seed)
    form = re.compile(HELD_OUT_FORMS[language], re.IGNORECASE)
    kept = [
        not is_held_out(need) and not form.search(text)
        for need, text in zip(asked.needs, asked.texts, strict=True)
    ]
    queries = diy_queries(items, language, n_queries=n_queries, seed=seed)
    return CatalogueTask(
        language=language,
        seed=seed,
        practice_items=practice_items,
        practice_queries=_some(asked, np.flatnonzero(kept)),
        items=items,
        queries=queries,
        held_out=np.array([is_held_out(need) for need in queries.needs]),
        new_form=np.array([bool(form.search(text)) for text in queries.texts]),
    )


def is_held_out(need: Mapping[str, Any]) -> bool:
    """Return whether practice may not ask for this combination of attributes.

    One fine need in four, by a checksum of its class and attributes, whatever the seed; never a
    coarse one, of which there are only some thirty.

    Examples
    --------
    >>> drill = {"tool_class": "drill", "power_source": "cordless"}
    >>> [is_held_out(drill | {"voltage_v": float(volts)}) for volts in (10, 12, 14, 18)]
    [True, True, False, False]
    >>> is_held_out(drill)
    False
    """
    if not any(name in need for name in CONSTRAINTS):
        return False
    plain = {name: bool(v) if isinstance(v, np.bool_) else v for name, v in need.items()}
    return int(sha256(canonical_json(plain))[:8], 16) % _HELD_OUT_PART == 0


def _some(queries: DiyQueries, rows: NDArray[np.int64]) -> DiyQueries:
    return replace(
        queries,
        texts=tuple(queries.texts[i] for i in rows),
        level=tuple(queries.level[i] for i in rows),
        grades=queries.grades[rows],
        needs=tuple(queries.needs[i] for i in rows),
    )


def attribute_pairs(task: CatalogueTask, *, seed: int = 0) -> pd.DataFrame:
    """Return pairs of items of which one is right for a query and the other in all but one thing.

    Both items are of the query's class and power source and meet its other attributes; both
    titles mention the attribute in which they differ (a motor with brushes is never mentioned).
    The attribute `impact` tells drills from impact drills, and is part of the class.

    Parameters
    ----------
    task : CatalogueTask
    seed : int
        Of the sample where a query has more than 20 pairs for an attribute.

    Returns
    -------
    DataFrame
        ``query``, ``right``, ``wrong`` (rows of queries and items) and ``attribute``.
    """
    rng = np.random.default_rng(seed)
    items = task.items
    mentioned = [{*text.split(), "brand"} for text in items["mentions"]]
    rows = []
    for query, need in enumerate(task.queries.needs):
        for name in CONSTRAINTS:
            if name not in need:
                continue
            alike = _meets(items, {key: value for key, value in need.items() if key != name})
            says = np.array([name in found for found in mentioned])
            same = (items[name] == need[name]).to_numpy()
            known = says | (name == "brushless")
            right = np.flatnonzero(alike & same & says)
            wrong = np.flatnonzero(alike & ~same & known & items[name].notna().to_numpy())
            rows += _sample(query, name, right, wrong, rng)
        if need["tool_class"] in _OTHER_IMPACT and len(need) > 2:
            wanted = {**need, "tool_class": _OTHER_IMPACT[need["tool_class"]]}
            wrong = np.flatnonzero(_meets(items, wanted))
            rows += _sample(query, "impact", np.flatnonzero(_meets(items, need)), wrong, rng)
    return pd.DataFrame(rows, columns=["query", "right", "wrong", "attribute"])


def _meets(items: pd.DataFrame, need: Mapping[str, Any]) -> NDArray[np.bool_]:
    met = np.ones(len(items), dtype=bool)
    for key, value in need.items():
        met &= (items[key] == value).to_numpy()
    return met


def _sample(
    query: int, name: str, right: NDArray, wrong: NDArray, rng: np.random.Generator
) -> list[tuple[int, int, int, str]]:
    pairs = [(query, int(i), int(j), name) for i in right for j in wrong]
    return [pairs[at] for at in rng.permutation(len(pairs))[:_PAIRS_PER_CONSTRAINT]]
