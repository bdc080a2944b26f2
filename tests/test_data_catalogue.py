"""Catalogues from files and real data: what is kept, what is noted, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paper_utils.data import check_catalogue, load_catalogue, title_language, titles_sha256
from paper_utils.data.catalogue import MAX_TITLE, MISSING_WORDS
from paper_utils.data.files import KINDS, read_table
from paper_utils.errors import UsageError


def write(table: pd.DataFrame, path: Path) -> Path:
    """Write as other programs do."""
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        # With pandas' default line end a carriage return inside a title would not be quoted.
        separator = "," if kind == ".csv" else "\t"
        table.to_csv(path, sep=separator, index=False, lineterminator="\r\n")
    elif kind == ".parquet":
        table.to_parquet(path)
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in table.to_dict("records")]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return path


def one_line(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


# --- any file, the same catalogue ------------------------------------------------------------

TITLES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: text.strip() and text.strip().casefold() not in MISSING_WORDS
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(titles=st.lists(TITLES, min_size=1, max_size=8), column=st.sampled_from(["title", "name"]))
def test_every_kind_of_file_gives_the_same_catalogue(tmp_path, titles, column):
    table = pd.DataFrame({"code": [f"00{i}" for i in range(len(titles))], column: titles})
    for kind in KINDS:
        path = write(table, tmp_path / f"titles{kind}")
        catalogue = load_catalogue(path, language="all")
        assert catalogue.titles == titles
        assert catalogue.sha256 == titles_sha256(titles)
        assert catalogue.table["code"].tolist() == table["code"].tolist()
        assert catalogue.name == str(path)


def test_neither_path_nor_other_columns_enter_the_checksum(tmp_path):
    one = write(pd.DataFrame({"title": ["a b", "c d"]}), tmp_path / "one.csv")
    two = write(pd.DataFrame({"x": [1, 2], "name": ["a b", "c d"]}), tmp_path / "two.PARQUET")
    turned = write(pd.DataFrame({"title": ["c d", "a b"]}), tmp_path / "three.jsonl")
    sums = [load_catalogue(path, language="en").sha256 for path in (one, two, turned)]
    assert sums[0] == sums[1] != sums[2]


def test_a_byte_order_mark_and_blank_lines_are_no_content(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_bytes("\ufefftitle,brand\r\n\r\nДрель 18В,Зубр\r\n\r\n".encode())
    catalogue = load_catalogue(path)
    assert catalogue.titles == ["Дрель 18В"]
    assert list(catalogue.table) == ["title", "language", "brand"]


def test_a_title_that_was_the_index_of_a_frame_is_found(tmp_path):
    frame = pd.DataFrame({"price": [1.0, 2.0]}, index=pd.Index(["drill", "saw"], name="title"))
    frame.to_parquet(tmp_path / "indexed.parquet")
    catalogue = load_catalogue(tmp_path / "indexed.parquet", language="en")
    assert catalogue.titles == ["drill", "saw"]


def test_the_files_own_language_column_steps_aside(tmp_path):
    frame = pd.DataFrame({"title": ["Дрель", "drill"], "language": ["Russian", "English"]})
    table = load_catalogue(write(frame, tmp_path / "f.tsv"), language="all").table
    assert table["language"].tolist() == ["ru", "en"]
    assert table["source_language"].tolist() == ["Russian", "English"]


# --- treatments, each with its note -----------------------------------------------------------


def test_treatments_are_noted(tmp_path):
    html = '<b onclick="x()">Drill</b> &amp; <script>alert(1)</script>'
    long = "drill " * 2_000
    titles = ["drill", None, "", "  ", "nan", "NULL", "drill", html, long, float("nan"), "Дрель"]
    for kind in KINDS:
        path = write(pd.DataFrame({"title": titles}), tmp_path / f"mixed{kind}")
        catalogue = load_catalogue(path, language="en")
        assert catalogue.titles == ["drill", "drill", html, long[:MAX_TITLE]]
        assert catalogue.notes == (
            "rows without a title dropped: 6",
            "titles cut to 1,000 characters: 1",
            "titles with Latin letters only kept (language 'en'): 4 of 5",
            "duplicates kept: 1",
        )
        assert catalogue.table.index.tolist() == [0, 1, 2, 3]


def test_numbers_become_text(tmp_path):
    path = tmp_path / "n.jsonl"
    path.write_text('{"title": 4151}\n{"title": 2.5}\n{"title": NaN}\n{"x": 1}\n')
    catalogue = load_catalogue(path, language="all")
    assert catalogue.titles == ["4151", "2.5"]
    assert catalogue.notes == ("rows without a title dropped: 2", "numbers taken as titles: 2")


def test_no_treatment_no_note(tmp_path):
    path = write(pd.DataFrame({"title": ["drill", "saw"]}), tmp_path / "clean.csv")
    assert load_catalogue(path, language="en").notes == ()
    assert load_catalogue(path, language="en", n_items=2).notes == ()


@pytest.mark.parametrize(
    ("title", "language"),
    [
        ("Дрель Bosch GSB", "ru"),
        ("Ёрш", "ru"),
        ("Drill 18V", "en"),
        ("Tronçonneuse", "en"),
        ("钻", ""),
        ("18 / 2", ""),
    ],
)
def test_language_of_a_title(title, language):
    assert title_language(title) == language


# --- samples ----------------------------------------------------------------------------------


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**40), small=st.integers(1, 30), more=st.integers(0, 20))
def test_samples_are_nested_ordered_and_repeatable(tmp_path, seed, small, more):
    path = tmp_path / "fifty.csv"
    if not path.exists():
        write(pd.DataFrame({"title": [f"tool {i:02}" for i in range(50)]}), path)

    def sample(n):
        return load_catalogue(path, language="en", n_items=n, seed=seed)

    few, many = sample(small), sample(small + more)
    assert len(few) == len(set(few.titles)) == small
    assert set(few.titles) <= set(many.titles)
    assert few.titles == sorted(few.titles)
    assert few.sha256 == sample(small).sha256
    assert few.notes == (f"seeded sample: {small} of 50 titles (seed {seed})",)


def test_fewer_titles_than_asked_for_are_all_taken_and_noted(tmp_path):
    path = write(pd.DataFrame({"title": ["a", "b", "c"]}), tmp_path / "t.csv")
    catalogue = load_catalogue(path, language="en", n_items=4)
    assert catalogue.titles == ["a", "b", "c"]
    assert catalogue.notes == ("all 3 titles taken: fewer than n_items=4",)
    assert load_catalogue(path, language="en", n_items=3).notes == ()


def test_a_sample_is_uniform(tmp_path):
    path = write(pd.DataFrame({"title": [f"t{i}" for i in range(10)]}), tmp_path / "ten.csv")
    counts = dict.fromkeys((f"t{i}" for i in range(10)), 0)
    for seed in range(400):
        for title in load_catalogue(path, language="en", n_items=3, seed=seed).titles:
            counts[title] += 1
    # Each title is drawn 400 * 0.3 times on average, with a standard deviation of 9.2.
    assert all(abs(count - 120) < 46 for count in counts.values()), counts
    assert sum(counts.values()) == 1_200


def test_numpy_integers_are_whole_numbers():
    assert len(load_catalogue("diy", n_items=np.int64(5), seed=np.uint8(1))) == 5


# --- diy as a catalogue -----------------------------------------------------------------------


def test_the_knob_in_the_specification():
    plain = load_catalogue("diy:diversity=0", n_items=200)
    assert plain.name == "diy:diversity=0"
    assert set(plain.table["tool_class"]) == {"drill-driver", "screwdriver"}
    assert load_catalogue("diy", n_items=30).titles == (
        load_catalogue("diy:diversity=0.5", n_items=30).titles
    )
    assert len(load_catalogue()) == 2_000


def test_languages_of_diy_share_their_attributes():
    russian, english = (
        load_catalogue("diy", language=language, n_items=100).table for language in ("ru", "en")
    )
    rest = [name for name in russian if name not in ("title", "language")]
    pd.testing.assert_frame_equal(russian[rest], english[rest])
    assert not set(russian["title"]) & set(english["title"])


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "bad.csv is empty"),
        (b" \n\n", "bad.csv is empty"),
        (b"title\n", "bad.csv has no title in column 'title' (0 rows)"),
        (b'title\n""\nnan\n', "bad.csv has no title in column 'title' (2 rows)"),
        (b"name,title\n\xc4\xf0\xe5\xeb\xfc,x\n", "byte 0xc4 at offset 11"),
        ("title\nДрель\n".encode("utf-16"), "bad.csv is not UTF-8: byte 0xff at offset 0"),
        (b"title,brand\na,b,c\n", "line 2: 3 cells, the header has 2"),
        (b"title,brand\na\n", "line 2: 1 cells, the header has 2"),
        (b'title\n"never closed\n', "bad.csv, line 2: a quotation mark is never closed"),
        (b"title,title\na,b\n", "bad.csv has two columns named 'title'"),
        (
            b"label,price\na,1\n",
            "bad.csv has neither a column 'title' nor 'name'; call the one with the titles "
            "'title'; it has: label, price",
        ),
    ],
)
def test_bad_csv(tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        load_catalogue(path)
    one_line(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"title": "a"}\n{"title": ', "line 2: not JSON"),
        ('["a"]\n', "line 1: list where an object is needed"),
        ("[" * 100_000, "line 1: not JSON"),
        ('{"title": ["a"]}\n', "row 1: 'title' holds list, not text"),
        ('{"title": "a"}\n{"title": {"ru": "a"}}\n', "row 2: 'title' holds dict, not text"),
        ('{"title": "\\ud800 drill"}\n', "row 1: 'title' holds half a surrogate pair"),
        ("{}\n", "has no columns"),
    ],
)
def test_bad_json_lines(tmp_path, content, message):
    path = tmp_path / "bad.ndjson"
    path.write_text(content)
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        load_catalogue(path, language="all")
    one_line(error)


def test_bad_parquet(tmp_path):
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"PAR1 no, it is not")
    with pytest.raises(UsageError, match=r"bad\.parquet is not a readable Parquet file") as error:
        load_catalogue(path)
    one_line(error)
    half = write(pd.DataFrame({"title": ["drill"] * 50}), tmp_path / "half.parquet")
    half.write_bytes(half.read_bytes()[:-40])
    with pytest.raises(UsageError, match=r"half\.parquet is not a readable Parquet file"):
        load_catalogue(half)
    pd.DataFrame({"title": [b"\xff", b"saw"]}).to_parquet(path)
    with pytest.raises(UsageError, match="row 1: 'title' holds bytes, not text"):
        load_catalogue(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"column": "titel"}, "has no column 'titel': did you mean 'title'? Allowed: title, x"),
        ({"n_items": 0}, "n_items must be a whole number from 1, not 0"),
        ({"n_items": 2.0}, "n_items must be a whole number from 1, not 2.0"),
        ({"n_items": True}, "n_items must be a whole number from 1, not True"),
        ({"seed": -1}, "seed must be a whole number from 0, not -1"),
        ({"seed": None}, "seed must be a whole number from 0, not None"),
        ({"language": "eng"}, "language 'eng': did you mean 'en'? Allowed: ru, en, all"),
        ({"language": "ru"}, "no title in language 'ru' (en: 3); language 'all' keeps every title"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    path = write(pd.DataFrame({"title": ["a", "b", "c"], "x": [1, 2, 3]}), tmp_path / "t.csv")
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        load_catalogue(path, **{"language": "en"} | arguments)
    one_line(error)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("dyi", "unknown catalogue 'dyi': did you mean 'diy'?"),
        ("uhtt-tool", "did you mean 'uhtt-tools'?"),
        ("", "unknown catalogue ''"),
        (7, "a catalogue is a name or a path, not 7"),
        ("diy:diversity=2", "diversity must be a number from 0 to 1, not '2'"),
        ("diy:diversity=nan", "diversity must be a number from 0 to 1, not 'nan'"),
        ("diy:diversity", "diversity must be a number from 0 to 1, not ''"),
        ("diy:diversty=0.3", "unknown option 'diversty' of diy: did you mean 'diversity'?"),
        ("diy:", "unknown option '' of diy"),
        ("nowhere/titles.csv", "nowhere/titles.csv: no such file"),
        ("titles.xlsx", "unknown catalogue 'titles.xlsx'"),
        ("x\0.csv", "no such file"),
    ],
)
def test_bad_specifications_are_refused_before_anything_is_loaded(spec, message):
    for function in (check_catalogue, load_catalogue):
        with pytest.raises(UsageError, match=re.escape(message)) as error:
            function(spec)
        one_line(error)


def test_files_are_checked_cheaply(tmp_path):
    good = write(pd.DataFrame({"title": ["a"]}), tmp_path / "good.csv")
    check_catalogue(good)
    check_catalogue(str(good))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match=r"folder\.csv is not a file"):
        check_catalogue(tmp_path / "folder.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(UsageError, match=r"empty\.csv is empty"):
        check_catalogue(tmp_path / "empty.csv")
    (tmp_path / "titles.pkl").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"titles\.pkl: files must be \.csv, \.tsv"):
        check_catalogue(tmp_path / "titles.pkl")


def test_a_file_column_is_no_option_of_named_catalogues():
    with pytest.raises(UsageError, match="column='title' is for files"):
        load_catalogue("diy", column="title")
    with pytest.raises(UsageError, match="language must be ru or en"):
        load_catalogue("diy", language="all")


def test_real_data_that_is_not_here(monkeypatch, tmp_path):
    monkeypatch.setenv("PAPER_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    for function in (check_catalogue, load_catalogue):
        with pytest.raises(UsageError, match=r"uhtt-tools/products\.tsv is not in .*PAPER_DATA"):
            function("uhtt-drills")


def test_quotation_marks_are_ordinary_where_nothing_is_quoted(tmp_path):
    path = tmp_path / "inches.tsv"
    path.write_text('name\tx\n"5 drill\t1\nbit 1/4"\t2\n')
    assert read_table(path, quoted=False)["name"].tolist() == ['"5 drill', 'bit 1/4"']
    # Where marks do quote, two of them swallow what is between; the note says so.
    catalogue = load_catalogue(path, language="en")
    assert catalogue.titles == ["5 drill\t1\nbit 1/4"]
    assert catalogue.notes == ("titles of several lines: 1 (is a quotation mark left open?)",)


# --- real titles -------------------------------------------------------------------------------


@pytest.mark.realdata
def test_real_titles(paper_data):
    tools = load_catalogue("uhtt-tools", language="all")
    assert len(tools) == 45_989
    assert tools.notes == ()
    assert set(tools.table) == {"title", "language", "id", "category", "brand"}
    parts = {language: load_catalogue("uhtt-tools", language=language) for language in ("ru", "en")}
    unknown = (tools.table["language"] == "").sum()
    assert len(parts["ru"]) + len(parts["en"]) + unknown == len(tools)
    check_catalogue("uhtt-drills")


@pytest.mark.realdata
def test_real_drills_and_what_their_titles_mention(paper_data):
    drills = load_catalogue("uhtt-drills")
    assert len(drills) == 503
    assert (drills.table["language"] == "ru").all()
    titles = pd.Series(drills.titles)

    def mention(unit):
        return int(titles.str.contains(rf"\d\s*(?:{unit})\b", case=False, regex=True).sum())

    # The counts of the design, from the narrow rule: a number, then the unit as a whole word.
    assert {unit: mention(unit) for unit in ("в|v", "вт|w", "ач|ah")} == {
        "в|v": 65,
        "вт|w": 130,
        "ач|ah": 14,
    }
    # It misses ten titles with "1.3 а*ч" or "2.6ачli-ion".
    assert titles.str.contains(r"\d\s*(?:а\s*\*?\s*ч|ah)", case=False, regex=True).sum() == 24


@pytest.mark.realdata
def test_the_generator_is_about_as_varied_as_real_drills(paper_data):
    def n_types(titles):
        return len({token for title in titles for token in re.findall(r"\w+", title.lower())})

    real = n_types(load_catalogue("uhtt-drills").titles)
    generated = [n_types(load_catalogue("diy", n_items=503, seed=seed).titles) for seed in range(5)]
    assert 0.8 * real < np.mean(generated) < 1.25 * real
