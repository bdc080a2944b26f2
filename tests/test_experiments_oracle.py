"""The attribute oracle and the intervals over seeds: by hand, and against the records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paper_chapters.coarse_fine.intervals import (
    difference,
    one_seed,
    over_seeds,
    pooled_rows,
    tables,
)
from paper_chapters.coarse_fine.oracle import (
    STATES,
    kinds_of,
    match_chances,
    oracle_row,
    oracle_scores,
)
from paper_chapters.coarse_fine.rows import MEASURES, values_by_query
from paper_chapters.coarse_fine.untrained_rows import SMALL, attribute_oracle
from paper_utils.data.diy_queries import CONSTRAINTS
from paper_utils.errors import UsageError
from paper_utils.results import get
from paper_utils.statistics import shared_interval, t_interval
from paper_utils.train.task import catalogue_task


@pytest.fixture(scope="module")
def task():
    return catalogue_task("en", 7, **SMALL)


def test_a_title_matches_is_silent_or_states_otherwise():
    columns = {name: ["", "", ""] for name in CONSTRAINTS}
    items = pd.DataFrame(columns | {
        "tool_class": "drill", "power_source": "cordless",
        "voltage_v": [18.0, 18.0, 12.0], "mentions": ["voltage_v", "power_source", "voltage_v tip"],
    })  # fmt: skip
    kind = kinds_of(items)["drill", "cordless"]
    found = kind.states({"tool_class": "drill", "voltage_v": 18.0})
    assert [STATES[place] for place in found["voltage_v"]] == [
        "matches",
        "not stated",
        "states otherwise",
    ]
    assert list(found) == ["voltage_v"]


def test_chances_are_counted_on_training_items(task):
    """Against a count of all pairs, without half items."""
    items = task.training_items
    met = silent = 0
    for need in task.training_queries.needs:
        if "voltage_v" in need:
            alike = items[
                (items["tool_class"] == need["tool_class"])
                & (items["power_source"] == need["power_source"])
            ]
            mute = alike[~alike["mentions"].str.contains("voltage_v")]
            silent += len(mute)
            met += int((mute["voltage_v"] == need["voltage_v"]).sum())
    chance = match_chances(task)["voltage_v"]
    assert chance[1] == pytest.approx((met + 0.5) / (silent + 1))
    assert chance[2] < 0.01 < chance[1] < 0.99 < chance[0]


def test_to_allow_for_silence_is_better_than_to_take_it_for_a_no(task):
    aware, literal = (
        values_by_query(task, scores)["fine"].mean()
        for scores in (oracle_scores(task), attribute_oracle(task))
    )
    assert literal < aware < 1
    assert values_by_query(task, oracle_scores(task))["coarse"].mean() == pytest.approx(1)


def test_the_small_oracle_is_that_of_the_record():
    live = oracle_row("ru", size="small")
    agreed = get("catalogue-oracle").agrees(live, language="ru", size="small")
    assert agreed.startswith("live slice agrees")
    with pytest.raises(UsageError, match="'full' or 'small'"):
        oracle_row("en", size="tiny")


def test_the_records_of_towers_and_oracle_are_of_the_same_queries():
    """Both have the fine queries of seed 0; the trained tower is the same in two records."""
    towers, trained = get("catalogue-towers"), get("catalogue-trained")
    for language in ("ru", "en"):
        tower = towers.value(language=language, kind="transformer", d=128)
        rows = {r["system"]: r for r in trained.value(language=language, seed=0)["rows"]}
        read = get("catalogue-oracle").value(language=language, seed=0)["fine per query"]
        assert tower["fine"][0] == pytest.approx(rows["two towers"]["fine"][0], abs=1e-3)
        assert len(read) == len(tower["fine per query"])


def of_seed(value: float, system: str, half: float = 0.001) -> dict:
    part = [value, value - half, value + half]
    return {"rows": [{"system": system, "pairs": {"all": part}} | dict.fromkeys(MEASURES, part)]}


def test_means_over_seeds_have_students_t():
    one, other = [0.9, 0.92, 0.91], [0.5, 0.55, 0.6]
    seeds = tables([of_seed(v, "a") for v in one], [of_seed(v, "b") for v in other])
    expected = t_interval(one)
    found = pooled_rows(seeds)["a"]
    for part in (found["fine"], found["pairs"]["all"]):
        assert (part["low"], part["high"]) == pytest.approx((expected.low, expected.high))
    paired = difference(seeds, "a", "b")
    assert paired["mean"] == pytest.approx(0.36)
    assert paired["low"] == pytest.approx(t_interval(np.subtract(one, other)).low)


def test_seeds_that_agree_by_chance_keep_the_error_of_their_queries():
    parts = [(0.5, 0.4, 0.6)] * 4
    assert over_seeds(parts) == pytest.approx({"mean": 0.5, "low": 0.45, "high": 0.55})
    seeds = tables([of_seed(0.9, "a", 0.03)] * 4, [of_seed(0.5, "b", 0.04)] * 4)
    paired = difference(seeds, "a", "b")
    assert paired["high"] - paired["mean"] == pytest.approx(0.05 / 2)


def test_queries_that_share_titles_widen_the_interval_of_one_seed(task):
    kinds = sorted({need["tool_class"] for need in task.queries.needs})
    fine = np.flatnonzero(task.fine)
    values = [kinds.index(task.queries.needs[query]["tool_class"]) % 2.0 for query in fine]
    mean, low, high = one_seed(task, values)
    alone = shared_interval(values, np.eye(len(values)))
    assert mean == alone.mean and high - low > 1.2 * (alone.high - alone.low)
