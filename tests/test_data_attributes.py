"""Attributes off titles: what rules read, what they refuse, and the task made of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_utils.data.attributes import (
    ATTRIBUTE_NAMES,
    RULES,
    attribute_text,
    mine_attributes,
    mine_title,
    rewrite_attribute,
    without_attribute,
)
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.title_task import title_task
from paper_utils.errors import UsageError


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("Отвертка 100мм", {"mm": 100}),
        ("Wrench combo 13 mm metric", {"mm": 13}),
        ("Рулетка 7,5м", {"metres": 7.5}),
        ("Рулетка 5 метров", {"metres": 5}),
        ("Ножницы 13.5 см детские", {"cm": 13.5}),
        ("Саморез 4.8x35 250шт", {"pieces": 250}),
        ("Tie wire (2500-pc/roll)", {"pieces": 2500}),
        ("Screw (50 pack)", {"pieces": 50}),
        ("Перфоратор, мощность - 800w", {"watts": 800}),
        ("Сварочный аппарат 3.5 кВт", {"watts": 3500}),
        ("Дрель 18В 2Ач", {"volts": 18}),
        ("Дрель 12 В, патрон 10мм", {"volts": 12, "mm": 10}),
        ("Шлифмашина,230мм,2000w", {"mm": 230, "watts": 2000}),
        # refused
        ("Кисть 30x 150мм", {}),
        ("Плашка 8/10/12мм", {}),
        ("Набор 12.13.14мм", {}),
        ("Патрон 1-10мм", {}),
        ("Диск 125мм и 230мм", {}),
        ("Отвертка 5 в 1", {}),
        ("Набор 12 в уп.", {}),
        ("Oil 10w-40", {}),
        ("Oil 10w 40", {}),
        ("Винт din 84м 2x20", {}),
        ("Пилка t-101в", {}),
        ("Ножницы н-03м", {}),
        ("3M scissors 7inch", {}),
        ("Анкер 99999мм", {}),
        ("", {}),
    ],
)
def test_rules_on_titles_made_by_hand(title, read):
    assert mine_title(title) == pytest.approx(read)


NUMBERS = {rule.name: st.integers(int(rule.low) + 2, int(min(rule.high, 900))) for rule in RULES}


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("name", ATTRIBUTE_NAMES)
@given(data=st.data())
def test_what_a_query_writes_a_rule_reads(name, language, data):
    if (name, language) == ("metres", "en"):
        return  # a Latin m is never read, by design
    value = data.draw(NUMBERS[name])
    word = {"ru": "отвертка", "en": "hammer"}[language]
    text = f"{word} {attribute_text(name, float(value), language)}"
    assert mine_title(text) == {name: float(value)}
    assert mine_title(rewrite_attribute(text, name, language)) == {name: float(value)}


@given(st.text(max_size=60))
def test_any_text_gives_values_in_range_or_nothing(title):
    ranges = {rule.name: (rule.low, rule.high) for rule in RULES}
    for name, value in mine_title(title).items():
        low, high = ranges[name]
        assert low <= value <= high


def test_minimal_pairs_are_equal_without_their_number_and_others_are_not():
    first, second = "Ножницы neo 155мм", "Ножницы neo 210 мм"
    assert without_attribute(first, "mm") == without_attribute(second, "mm")
    assert without_attribute(first, "mm") != without_attribute("Ножницы topex 155мм", "mm")


def test_bad_input_of_the_rules():
    with pytest.raises(UsageError, match="title 1 is float"):
        mine_attributes(["a", float("nan")])
    with pytest.raises(UsageError, match="did you mean 'volts'"):
        attribute_text("volt", 18, "ru")
    with pytest.raises(UsageError, match="language 'de'"):
        attribute_text("volts", 18, "de")
    with pytest.raises(UsageError, match="states no mm"):
        rewrite_attribute("Hammer", "mm", "en")


def catalogue_of(tmp_path, rows, columns=("title", "category")):
    path = tmp_path / "titles.csv"
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return load_catalogue(path, language="all")


def shelf(n=60):
    """Screwdrivers and drills in two sizes and two brands."""
    return [
        (
            f"{'drill' if i % 2 else 'screwdriver'} brand{i} {(100, 150)[i // 2 % 2]}mm",
            f"A/{'xy'[i % 2]}",
        )
        for i in range(n)
    ]


def test_pairs_differ_in_the_attribute_that_is_asked_for(tmp_path):
    task = title_task(catalogue_of(tmp_path, shelf()), "en")
    assert task.coarse.texts == ("x", "y")
    assert sorted(task.fine.texts) == ["x 100 mm", "x 150 mm", "y 100 mm", "y 150 mm"]
    for row in task.fine.pairs.itertuples():
        wanted = float(task.fine.texts[row.query].split()[1])
        assert task.attributes["mm"][row.right] == wanted != task.attributes["mm"][row.wrong]
        assert task.classes[row.right] == task.classes[row.wrong]
    grades = task.fine.grades.toarray()
    assert (np.sort(np.unique(grades)) == [0, 1, 2]).all() and (grades == 2).sum() == 60


def test_minimal_pairs_differ_in_one_number_only(tmp_path):
    rows = [*shelf(), ("rasp fine 20cm", "A/x"), ("rasp fine 25 cm", "A/x"), ("rasp 25cm", "A/x")]
    task = title_task(catalogue_of(tmp_path, rows), "en")
    of = task.minimal.pairs[task.minimal.pairs["attribute"] == "cm"]
    found = {(task.titles[r.right], task.titles[r.wrong]) for r in of.itertuples()}
    both = {"rasp fine 20cm", "rasp fine 25 cm"}
    assert found == {(a, b) for a in both for b in both if a != b}
    assert "rasp fine 20 cm" in task.minimal.texts


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        (shelf(40), ("title", "category"), "40 titles; at least 50"),
        (
            [(f"thing {i}", "ab"[i % 2]) for i in range(60)],
            ("title", "category"),
            "no title states",
        ),
        (
            [(f"thing {i}mm", "a") for i in range(60)],
            ("title", "category"),
            "at least 2 are needed",
        ),
        (
            [(f"thing {i}mm", "ab"[i % 2]) for i in range(60)],
            ("title", "colour"),
            "no column 'class'",
        ),
        (
            [(f"thing {i} 5mm", "ab"[i % 2]) for i in range(60)],
            ("title", "category"),
            "no fine query",
        ),
    ],
)
def test_catalogues_without_a_task_are_refused(tmp_path, rows, columns, message):
    with pytest.raises(UsageError, match=message):
        title_task(catalogue_of(tmp_path, rows, columns), "en")


def test_a_language_or_a_number_that_is_none_is_refused():
    titles = load_catalogue("diy", n_items=60)
    with pytest.raises(UsageError, match="language must be"):
        title_task(titles, "de")
    with pytest.raises(UsageError, match="n_queries must be"):
        title_task(titles, "ru", n_queries=1)
