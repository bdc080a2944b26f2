"""The catalogue task: nothing of the test is in training, and pairs differ in one thing."""

from __future__ import annotations

import re

import numpy as np
import pytest

from paper_utils.errors import UsageError
from paper_utils.train.task import (
    HELD_OUT_FORMS,
    attribute_pairs,
    catalogue_task,
    is_held_out,
)

SMALL = {"n_train": 400, "n_items": 300, "n_train_queries": 300, "n_queries": 120}


@pytest.fixture(scope="module")
def tasks():
    return {language: catalogue_task(language, 3, **SMALL) for language in ("ru", "en")}


def key(need):
    return tuple(sorted((name, str(value)) for name, value in need.items()))


def test_what_is_held_out_is_never_trained_on(tasks):
    for language, task in tasks.items():
        shown_needs = {key(need) for need in task.training_queries.needs}
        for need, held in zip(task.queries.needs, task.held_out, strict=True):
            assert held == is_held_out(need)
            assert not (held and key(need) in shown_needs)
        form = re.compile(HELD_OUT_FORMS[language])
        assert not any(form.search(text) for text in task.training_queries.texts)
        shown = np.array([bool(form.search(text)) for text in task.queries.texts])
        assert np.array_equal(shown, task.new_form) and shown.any()
        assert not (task.held_out & ~task.fine).any()
        assert 0.1 < task.held_out[task.fine].mean() < 0.4


def test_training_and_test_have_other_items(tasks):
    task = tasks["en"]
    common = set(task.training_items["title"]) & set(task.items["title"])
    assert len(common) < 0.02 * len(task.items)
    assert task.training_queries.grades.shape == (len(task.training_queries), 400)
    assert (task.training_queries.grades.max(axis=1).toarray() == 2).all()


def test_both_languages_ask_for_the_same(tasks):
    ru, en = tasks["ru"], tasks["en"]
    assert [key(n) for n in ru.queries.needs] == [key(n) for n in en.queries.needs]
    assert (ru.queries.grades != en.queries.grades).nnz == 0
    assert np.array_equal(ru.held_out, en.held_out)


def test_pairs_differ_in_their_attribute_alone(tasks):
    task = tasks["ru"]
    pairs = attribute_pairs(task)
    grades = task.queries.grades.toarray()
    assert {"brand", "voltage_v", "power_w", "impact"} <= set(pairs["attribute"])
    for query, right, wrong, name in pairs.itertuples(index=False):
        need, item, other = (
            task.queries.needs[query],
            task.items.iloc[right],
            task.items.iloc[wrong],
        )
        assert grades[query, right] == 2 and grades[query, wrong] < 2
        changed = "tool_class" if name == "impact" else name
        differing = [at for at, value in need.items() if other[at] != value]
        assert differing == [changed]
        assert all(item[at] == value for at, value in need.items())
        if name not in ("brand", "brushless", "impact"):
            assert name in other["mentions"].split() and name in item["mentions"].split()
    assert pairs.groupby(["query", "attribute"]).size().max() <= 20


def test_too_few_items_are_an_error():
    with pytest.raises(UsageError, match="n_items must be at least 50, not 49"):
        catalogue_task("ru", n_items=49)
    with pytest.raises(UsageError, match="language 'de'"):
        catalogue_task("de", **SMALL)
