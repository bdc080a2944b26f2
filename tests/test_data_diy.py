"""The generated catalogue: distinct, the same everywhere, well-formed Russian and English."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_utils.data.catalogue import title_language, titles_sha256
from paper_utils.data.diy import _NUMBERS, _distinct, diy_catalogue
from paper_utils.data.diy_items import (
    _CYRILLIC_TO_LATIN,
    ATTRIBUTES,
    DRAWS,
    Choice,
    draw_item,
    shelf,
    vocabulary,
)
from paper_utils.data.diy_titles import _ENDINGS, Writer, inflect, plural
from paper_utils.errors import UsageError

LANGUAGES = ("ru", "en")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {language: diy_catalogue(2_500, language, seed=3) for language in LANGUAGES}


def tokens(titles: list[str]) -> list[str]:
    return [token for title in titles for token in re.findall(r"\w+", title.lower())]


def plain(title: str) -> str:
    return title.lower().replace("ё", "е")


def adjective_endings(title: str) -> list[str]:
    # The tip of a magnetic screwdriver has a gender of its own.
    return ADJECTIVE.findall(title.replace("магнитный наконечник", ""))


# --- the same everywhere, the same in both languages -----------------------------------------


@pytest.mark.parametrize(
    ("language", "sha256"),
    [
        ("ru", "ea8ca4bd861807568bf7cd7f972d1d5473fc404ea5ada82ef615944ad5fd4573"),
        ("en", "b9ae0ae4d719526fcde575a91d918ff74be17a02439efb7129cb0f6097c6dfc2"),
    ],
)
def test_a_seed_gives_the_same_titles_on_every_machine(language, sha256):
    table = diy_catalogue(500, language, seed=20, diversity=0.7)
    assert titles_sha256(table["title"]) == sha256


def test_attributes_are_the_same_on_every_machine():
    table = diy_catalogue(500, seed=20, diversity=0.7)
    rows = [
        "|".join(map(str, row))
        for row in table[list(ATTRIBUTES)].itertuples(index=False, name=None)
    ]
    sha256 = "9962d8fda13505c5cb861b85b1fdb5a40efbcf6259c6a94acbd7df658bb6acaa"
    assert titles_sha256(rows) == sha256


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**64),
    diversity=st.floats(0, 1),
    n=st.integers(1, 60),
    more=st.integers(0, 700),
)
def test_item_i_is_the_same_in_both_languages_and_at_every_size(seed, diversity, n, more):
    ru = diy_catalogue(n + more, "ru", seed, diversity)
    en = diy_catalogue(n, "en", seed, diversity)
    pd.testing.assert_frame_equal(ru[list(ATTRIBUTES)].head(n), en[list(ATTRIBUTES)])
    pd.testing.assert_frame_equal(ru.head(n), diy_catalogue(n, "ru", seed, diversity))


def test_seeds_differ():
    assert not set(diy_catalogue(300, seed=0)["title"]) & set(diy_catalogue(300, seed=1)["title"])


# --- how many, how varied ---------------------------------------------------------------------


def both_languages(n: int, seed: int, diversity: float) -> dict[str, list[str]]:
    """Titles in both languages at the price of one."""
    titles = [both for _, both in itertools.islice(_distinct(seed, diversity), n)]
    return {language: [both[language] for both in titles] for language in LANGUAGES}


@pytest.mark.parametrize("diversity", [0.0, 0.5, 1.0])
def test_ten_thousand_titles_are_distinct_whatever_their_case_and_dots(diversity):
    for titles in both_languages(10_000, 0, diversity).values():
        assert len({plain(title) for title in titles}) == len(titles) == 10_000


@pytest.mark.parametrize("seed", [0, 1])
def test_the_knob_raises_lexical_diversity(seed):
    n_types, ratios = [], []
    for diversity in (0, 0.25, 0.5, 0.75, 1):
        titles = both_languages(1_500, seed, diversity)
        words = [tokens(titles[language]) for language in LANGUAGES]
        n_types.append([len(set(found)) for found in words])
        ratios.append([len(set(found)) / len(found) for found in words])
    assert (np.diff(n_types, axis=0) > 0).all(), n_types
    assert (np.diff(ratios, axis=0) > 0).all(), ratios
    assert (np.array(ratios[-1]) > 4 * np.array(ratios[0])).all()


def test_the_plainest_catalogue_has_one_wording():
    for language in LANGUAGES:
        table = diy_catalogue(500, language, diversity=0)
        assert set(table["tool_class"]) == {"drill-driver", "screwdriver"}
        assert table["brand"].nunique() == 3
        # Without its numbers a title is one of a handful.
        shapes = table["title"].str.replace(r"[\d./]+", "#", regex=True)
        for brand in table["brand"].unique():
            shapes = shapes.str.replace(brand, "B").str.replace("Зубр", "B")
        assert shapes.nunique() <= 12


def test_brand_frequencies_follow_zipf():
    table = diy_catalogue(5_000, diversity=1)
    counts = table["brand"].value_counts()
    first = [brand[0] for brand in vocabulary()["brands"][:8]]
    expected = np.array([1 / rank for rank in range(1, 9)])
    expected *= counts[first[0]] / expected[0]
    # Five standard deviations of a count; the leader's own error enters, too.
    assert (np.abs(counts[first] - expected) < 5 * np.sqrt(2 * expected)).all()


def test_too_many_titles_are_refused_with_the_number_there_is(monkeypatch):
    monkeypatch.setattr(Writer, "title", lambda self, item, u: f"drill {item['brand']}")
    with pytest.raises(UsageError, match=r"n_items=50: diy has only some 3 distinct titles"):
        diy_catalogue(50, diversity=0)


# --- plausible tools --------------------------------------------------------------------------


def test_attributes_fit_the_tool(tables):
    table = tables["en"]
    cordless, mains = (table["power_source"] == name for name in ("cordless", "mains"))
    assert (table["voltage_v"].notna() == cordless).all()
    assert (table["power_w"].notna() == mains).all()
    assert (table["n_batteries"].notna() == cordless).all()
    assert (table["capacity_ah"].notna() == (table["n_batteries"] > 0)).all()
    assert ((table["chemistry"] != "") == (table["n_batteries"] > 0)).all()
    assert not table.loc[~cordless, "brushless"].any()
    assert ((table["tip"] != "") == (table["tool_class"] == "hand-screwdriver")).all()
    assert table.loc[table["tool_class"] == "impact-drill", "impact"].all()
    assert table["voltage_v"].dropna().between(3.6, 40).all()
    assert table["power_w"].dropna().between(15, 2_600).all()
    drivers = table[table["tool_class"] == "drill-driver"]
    assert drivers["torque_nm"].between(12, 160).all()
    assert set(drivers["size_mm"]) == {10, 13}
    # Stronger batteries turn harder, professional brands have more brushless motors.
    assert drivers[["voltage_v", "torque_nm"]].corr("spearman").iloc[0, 1] > 0.5
    by_brand = table[cordless].groupby("brand")["brushless"].mean()
    assert by_brand["DeWalt"] > by_brand["Vihr"]


def test_a_table_has_no_missing_text_and_plain_types(tables):
    for table in tables.values():
        for column in table.columns:
            if column in _NUMBERS:
                assert table[column].dtype == float
            elif column in ("brushless", "impact"):
                assert table[column].dtype == bool
            else:
                assert table[column].map(lambda value: isinstance(value, str)).all(), column


def mentioned_number(row: pd.Series, name: str, language: str) -> set[str]:
    value = row[name]
    texts = {f"{value:g}", f"{value:.1f}"}
    if name == "power_w":
        texts.add(f"{value / 1000:g}")
    if name == "capacity_ah":
        texts.add(f"{1000 * value:.0f}")
    if name == "size_mm":
        inch = {6.35: "1/4", 9.525: "3/8", 12.7: "1/2", 19.05: "3/4", 25.4: "1"}
        texts |= {inch.get(value, f"{value:g}"), f"{value / 10:g}"}
    if name in ("n_batteries", "n_speeds"):
        words = {
            "ru": {0: "без|б/акб", 1: "акк|одно", 2: "дву|две|двух", 3: "тремя|трех"},
            "en": {0: "bare|body|no|without", 1: "battery|single", 2: "two", 3: "three"},
        }
        texts |= set(words[language][int(value)].split("|"))
    return texts | {text.replace(".", ",") for text in texts}


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_say_what_they_claim_to_mention(tables, language):
    table = tables[language]
    for _, row in table.head(2_000).iterrows():
        title = plain(row["title"])
        for name in row["mentions"].split():
            assert name in ATTRIBUTES
            if name in _NUMBERS:
                numbers = mentioned_number(row, name, language)
                assert any(text in title for text in numbers), (name, row[name], row["title"])
            elif name == "tip":
                assert row["tip"].lower() in title
            else:
                assert row[name], (name, row["title"])


# --- Russian and English ------------------------------------------------------------------------


def test_titles_are_in_their_language(tables):
    for language, table in tables.items():
        assert (table["language"] == language).all()
        assert set(map(title_language, table["title"])) == {language}


def test_titles_are_tidy(tables):
    for table in tables.values():
        for title in table["title"]:
            assert title == " ".join(title.split())
            assert not re.search(r"[{}\[\]<>|]| ,|\(\)|,,|, ?\)|nan|None", title), title
            assert title.count("(") == title.count(")")
            assert 6 <= len(title) <= 200


FEMININE = (
    "дрель электродрель пила электропила шлифмашина шлифмашинка машина машинка ушм болгарка "
    "углошлифмашина виброшлифмашина эшм пшм лшм отвертка электроотвертка циркулярка торцовка "
    "электроножовка бормашина"
).split()
MASCULINE = (
    "шуруповерт электрошуруповерт винтоверт перфоратор электроперфоратор молоток лобзик "
    "электролобзик гайковерт рубанок электрорубанок фрезер фен термофен реноватор инструмент "
    "мультитул резак миксер бетонолом гравер краскопульт краскораспылитель электрокраскопульт "
    "степлер электростеплер гвоздезабиватель пистолет термопистолет"
).split()
GENDERS = dict.fromkeys(FEMININE, "f") | dict.fromkeys(MASCULINE, "m")
ADJECTIVE = re.compile(
    r"\b(?:аккумуляторн|беспроводн|бесщеточн|безударн|ударн|сетев|электрическ|пневматическ|"
    r"магнитн|диэлектрическ|протяжн|импульсн|строительн)(ый|ой|ий|ая|ое|ого|ым|им)\b"
)


# Words that the vocabulary misspells; a slip that the right word begins with must end there.
SLIPS = re.compile(
    "|".join(
        rf"\b{plain(slip)}" + (r"\b" if right.startswith(plain(slip)) else "")
        for right, slips in vocabulary()["wording"]["ru"]["misspellings"].items()
        for slip in slips
        if plain(slip) != right
    )
)


def head_gender(title: str) -> str | None:
    """Gender of the first tool noun in the nominative, None in an oblique case or misspelt."""
    if SLIPS.search(title):
        return None
    return next((GENDERS[word] for word in re.findall(r"[а-я]+", title) if word in GENDERS), None)


@pytest.mark.parametrize("diversity", [0.5, 1.0])
def test_russian_adjectives_agree_with_the_tool(diversity):
    checked = 0
    for title in map(plain, diy_catalogue(3_000, "ru", 5, diversity)["title"]):
        gender = head_gender(title)
        if gender is None or title.startswith(("набор", "комплект")):
            continue
        for ending in adjective_endings(title):
            assert (ending == "ая") == (gender == "f"), title
            assert ending in ("ая", "ый", "ой", "ий"), title
            checked += 1
    assert checked > 1_200


def test_oblique_cases_agree():
    titles = [plain(title) for title in diy_catalogue(3_000, "ru", 6, 1.0)["title"]]
    kits = [title for title in titles if title.startswith(("набор с", "комплект"))]
    assert len(kits) > 50
    for title in kits:
        endings = set(adjective_endings(title))
        case = {"ого", "ой"} if title.startswith("комплект") else {"ым", "им", "ой"}
        assert endings <= case, title
        assert not re.search(r"\b(?:дрель|шуруповерт|перфоратор|лобзик|пила)\b", title), title


def test_russian_has_the_forms_that_searches_stumble_over():
    table = diy_catalogue(4_000, "ru", 1)
    titles = table["title"]
    share = {
        "е for ё": titles.str.contains("верт", case=False).mean(),
        "ё": titles.str.contains("вёрт", case=False).mean(),
        "compound": titles.str.contains("дрель-шуруповерт", case=False).mean(),
        "compound, other order": titles.str.contains("шуруповерт-дрель", case=False).mean(),
        "18В": titles.str.contains(r"18В\b").mean(),
        "18 В": titles.str.contains(r"18 В\b").mean(),
        "18V": titles.str.contains(r"18V\b").mean(),
        "2Ач": titles.str.contains(r"\b2Ач\b").mean(),
        "2 x 2": titles.str.contains(r"\d ?[xх*] ?\d[.,\d]* ?А[чh]").mean(),
        "Вт": titles.str.contains(r"\d0Вт\b").mean(),
        "W": titles.str.contains(r"\d0[Ww]\b").mean(),
        "decimal comma": titles.str.contains(r"\d,\d").mean(),
        "instrumental": titles.str.contains(r"дрелью|шуруповертом|с двумя", case=False).mean(),
        "genitive": titles.str.contains(r"аккумулятора\b|комплект", case=False).mean(),
    }
    assert {name: value for name, value in share.items() if value < 0.001} == {}
    assert share["е for ё"] > 3 * share["ё"] > 0
    misspelt = titles.map(plain).str.contains(SLIPS).mean()
    assert 0.005 < misspelt < 0.06


def test_inflection():
    for ending, table in _ENDINGS.items():
        assert inflect(f"x<{ending}>", "m", "nom") == f"x{ending}"
        assert {inflect(f"x<{ending}>", "f", case) for case in ("gen", "ins")} == {"xой"}
        assert len(table["m"]) == len(table["f"]) == 3
    russian = ["бита", "биты", "бит"]
    assert [plural(n, russian) for n in (101, 111, 112, 114, 123, 100)] == [
        "бита", "бит", "бит", "бит", "биты", "бит",
    ]  # fmt: skip


# --- the vocabulary -----------------------------------------------------------------------------


def test_every_attribute_value_can_be_said_in_both_languages():
    words = vocabulary()
    for entry in words["classes"]:
        for language in LANGUAGES:
            wording = words["wording"][language]
            assert entry[language], entry["id"]
            assert set(entry["power"]) - {"manual"} <= set(wording["power_source"])
            assert set(entry.get("features", ())) <= set(wording["features"])
            size = entry.get("size", {"kind": "none"})
            assert size["kind"] in {*wording["size_mm"], "none"}
            assert set(size.get("types", ())) <= set(wording["chuck_type"])
            if "accessories" in entry:
                assert entry["accessories"]["kind"] in wording["n_accessories"]
            if "speed" in entry:
                assert entry["speed"]["kind"] in wording["speed_per_min"]
        for power in entry["power"]:
            assert Writer("ru", 1.0).forms[entry["id"], power], (entry["id"], power)
        for form in entry["ru"]:
            assert form[1] in ("m", "f")
            head = re.findall(r"[а-я]+", plain(form[0]))
            assert next(GENDERS[word] for word in head if word in GENDERS) == form[1], form


def test_the_model_code_is_transliterated():
    for letters, _ in (entry["code"] for entry in vocabulary()["classes"]):
        for text in letters:
            assert not re.search("[а-яёА-ЯЁ]", text.translate(_CYRILLIC_TO_LATIN))


def test_a_row_of_random_numbers_is_long_enough():
    rng = np.random.default_rng(0)
    writers = [Writer(language, 1.0) for language in LANGUAGES]
    for _ in range(2_000):
        row = iter(rng.random(DRAWS))
        item = draw_item(row, shelf(1.0))
        assert len(list(row)) > DRAWS // 3
        for writer in writers:
            row = iter(rng.random(DRAWS))
            writer.title(item, row)
            assert len(list(row)) > DRAWS // 3


def test_choices_reach_every_value_and_no_further():
    choice = Choice({"a": 1, "b": 0.5, "c": 2})
    assert [choice(u) for u in (0.0, np.nextafter(1.0, 0.0))] == ["a", "c"]
    drawn = [choice(u) for u in np.linspace(0, 1, 3_500, endpoint=False)]
    assert [drawn.count(value) for value in "abc"] == [1_000, 500, 2_000]


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"language": "de"}, "language 'de' of diy: Allowed: ru, en"),
        ({"diversity": 1.5}, "diversity must be a number from 0 to 1, not 1.5"),
        ({"diversity": float("nan")}, "diversity must be a number from 0 to 1, not nan"),
        ({"n_items": 0}, "n_items must be a whole number from 1, not 0"),
        ({"n_items": "5"}, "n_items must be a whole number from 1, not '5'"),
        ({"seed": -1}, "seed must be a whole number from 0, not -1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        diy_catalogue(**arguments)
