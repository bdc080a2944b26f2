"""Queries over diy: the same needs in both languages, grades that follow from the attributes."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils.data.diy import diy_catalogue
from paper_utils.data.diy_queries import CONSTRAINTS, diy_queries
from paper_utils.errors import UsageError

LANGUAGES = ("ru", "en")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {language: diy_catalogue(1_200, language, seed=5) for language in LANGUAGES}


@pytest.fixture(scope="module")
def queries(tables):
    return {
        language: diy_queries(tables[language], language, n_queries=240, seed=2)
        for language in LANGUAGES
    }


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower().replace("ё", "е")))


def test_grades_are_those_that_the_table_gives_item_by_item(tables, queries):
    table, found = tables["ru"], queries["ru"]
    items = table.to_dict("records")
    grades = found.grades.toarray()
    for need, row in zip(found.needs, grades, strict=True):
        expected = [
            0
            if any(item[name] != need[name] for name in ("tool_class", "power_source"))
            else 1 + all(item[name] == value for name, value in need.items())
            for item in items
        ]
        np.testing.assert_array_equal(row, expected)


def test_every_query_has_an_item_of_the_top_grade_and_no_other_grades_exist(queries):
    grades = queries["ru"].grades
    assert ((grades == 2).sum(axis=1) >= 1).all()
    assert set(np.unique(grades.data)) <= {1, 2}
    assert grades.dtype == np.int8


def test_coarse_queries_have_no_middle_grade_and_fine_ones_name_more(queries):
    found = queries["en"]
    middle = (found.grades == 1).sum(axis=1)
    for level, need, n_middle in zip(found.level, found.needs, middle, strict=True):
        extra = set(need) - {"tool_class", "power_source"}
        assert extra <= set(CONSTRAINTS)
        assert 1 <= len(extra) <= 3 if level == "fine" else (not extra and not n_middle)
    assert set(found.level) == {"coarse", "fine"}
    assert found.level == tuple(sorted(found.level))


def test_both_languages_ask_for_the_same(queries):
    russian, english = queries["ru"], queries["en"]
    assert russian.needs == english.needs and russian.level == english.level
    assert (russian.grades != english.grades).nnz == 0
    assert all(re.search("[а-я]", text) for text in russian.texts)
    assert not any(re.search("[а-яё]", text.lower()) for text in english.texts)


def test_the_language_of_the_titles_does_not_matter(tables, queries):
    crossed = diy_queries(tables["en"], "ru", n_queries=240, seed=2)
    assert crossed.texts == queries["ru"].texts
    assert (crossed.grades != queries["ru"].grades).nnz == 0


def test_no_two_queries_ask_for_the_same(queries):
    needs = [tuple(sorted(need.items(), key=str)) for need in queries["ru"].needs]
    assert len(set(needs)) == len(needs)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_seed_gives_the_same_queries_and_another_seed_others(tables, queries, language):
    again = diy_queries(tables[language], language, n_queries=240, seed=2)
    assert again.texts == queries[language].texts
    other = diy_queries(tables[language], language, n_queries=240, seed=3)
    assert len(set(other.texts) & set(again.texts)) < 0.5 * len(again)


@pytest.mark.parametrize("language", LANGUAGES)
def test_queries_are_not_titles(tables, queries, language):
    titles = {plain(title) for title in tables[language]["title"]}
    assert not titles & {plain(text) for text in queries[language].texts}


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_of_the_need_are_in_the_text_in_several_spellings(queries, language):
    spellings = set()
    for need, text in zip(queries[language].needs, queries[language].texts, strict=True):
        for name in ("voltage_v", "capacity_ah", "power_w"):
            if name in need:
                match = re.search(rf"(?<![\d.]){need[name]:g}( ?|-)([^\W\d]+)", text)
                assert match, (text, dict(need))
                spellings.add((name, match[1] + match[2]))
        if "brushless" in need:
            assert re.search("щет|щёт|коллект|brush", text)
    assert len(spellings) >= 9
    assert not any("{" in text or "<" in text or "  " in text for text in queries[language].texts)


def test_russian_adjectives_agree_with_the_tool(queries):
    for text in queries["ru"].texts:
        for word, gender in (("дрель", "ая"), ("перфоратор", "ый|ой|ий"), ("отвертка", "ая")):
            if re.search(rf"\b{word}\b", plain(text)) and "шуруповерт" not in plain(text):
                for ending in re.findall(
                    r"(?:аккумуляторн|сетев|электрическ|ручн|бесщеточн)(\w\w)\b", plain(text)
                ):
                    assert re.fullmatch(gender, ending), text


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    n_items=st.integers(40, 200),
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
    n_queries=st.integers(1, 12),
)
def test_any_table_of_diy_gives_sound_queries(seed, n_items, diversity, n_queries):
    table = diy_catalogue(n_items, "ru", seed=seed, diversity=diversity)
    found = diy_queries(table, n_queries=n_queries, seed=seed)
    assert len(found) == len(found.needs) == len(found.level) == n_queries
    assert found.grades.shape == (n_queries, n_items)
    assert (found.grades.max(axis=1).toarray() == 2).all()
    assert all(text == text.strip() and text for text in found.texts)


def test_some_rows_of_a_table_will_do(tables):
    part = tables["ru"].iloc[100:400:3]
    found = diy_queries(part, n_queries=20)
    assert found.grades.shape == (20, len(part))
    assert (found.grades.max(axis=1).toarray() == 2).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"language": "de"}, "language 'de' of queries: Allowed: ru, en"),
        ({"n_queries": 0}, "n_queries must be a whole number from 1, not 0"),
        ({"n_queries": 2.5}, "not 2.5"),
        ({"seed": -1}, "seed must be a whole number from 0, not -1"),
        ({"seed": True}, "not True"),
    ],
)
def test_bad_arguments_are_named(tables, change, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        diy_queries(tables["ru"], **{"language": "ru", **change})


def test_bad_tables_are_named(tables):
    with pytest.raises(UsageError, match="this one lacks tool_class, brand, model"):
        diy_queries(pd.DataFrame({"title": ["дрель"]}))
    with pytest.raises(UsageError, match="lacks tool_class"):
        diy_queries(["дрель"])
    with pytest.raises(UsageError, match="no items"):
        diy_queries(tables["ru"].iloc[:0])
    with pytest.raises(UsageError, match=r"n_queries=500: these 5 items give only \d+ different"):
        diy_queries(tables["ru"].iloc[:5], n_queries=500)
