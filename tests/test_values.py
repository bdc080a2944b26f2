"""Numbers of the ledger in pages that are not executed."""

from __future__ import annotations

import json
import re
import runpy

import pytest
import yaml
from bs4 import BeautifulSoup

from rendered import site_folder


def one(id, source, verdict, claimed, measured, kind="measurement"):
    return dict(locals())


FOUND = [
    one("A-1", "s", "holds", 0.18, {"x": 0.5}),
    one("A-2", "s", "fails", "much", 12),
    one("A-3", "t", "open", None, None),
    one("A-4", "s", "fails", "[2]", None, kind="slip"),
    one("A-5", "t", "holds", None, -0.09),
]


@pytest.fixture(scope="module")
def values(root):
    return runpy.run_path(str(root / "book" / "_ext" / "paper_values.py"))


def test_a_role_reads_one_number_of_the_ledger(values):
    assert values["measured"](FOUND, "A-1 | x | .0%") == "50%"
    assert values["measured"](FOUND, "A-2") == "12"
    assert values["measured"](FOUND, "A-5 | | .2f | lower") == "0.09"
    assert values["claimed"](FOUND, "A-1") == "0.18"
    assert values["count"](FOUND, "s | holds") == "1" and values["count"](FOUND, "s") == "2"


def test_slips_are_counted_apart_from_claims(values):
    assert values["count"](FOUND, "s | fails") == values["count"](FOUND, "s | slip") == "1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A-9", "no claim 'A-9'"),
        ("A-1 | y", "no condition 'y': x"),
        ("A-2 | x", "one value"),
        ("A-3", "not measured"),
        ("A-2 | | d | lower", "12 is not lower than zero"),
    ],
)
def test_a_number_that_is_not_there_is_an_error(values, text, told):
    with pytest.raises(LookupError, match=told):
        values["measured"](FOUND, text)
    with pytest.raises(LookupError, match="no claim of the source"):
        values["count"](FOUND, "nobody")


def test_russian_numbers_look_russian(values):
    assert values["in_russian"]("-0.5%") == "−0,5\N{NO-BREAK SPACE}%"


def test_the_summary_in_russian_types_no_number(root):
    text = (root / "book" / "ru.md").read_text(encoding="utf-8")
    pattern = r"\{[\w:]+\}`[^`]*`|\$[^$]*\$|\]\([^)]*\)|^\d\. |«[^»]*»"  # its quotations may
    text = re.sub(pattern, "", text, flags=re.MULTILINE)
    text = text.replace("nDCG@10", "").replace("BM25", "")
    assert re.findall(r"\d+[.,]\d+|\d{2,}", text) == []


def test_every_number_of_the_summary_in_russian_was_accepted(values, root):
    accepted = json.loads((root / "tests" / "expected" / "default.json").read_text("utf-8"))
    ledger = yaml.safe_load((root / "book" / "claims.yml").read_text(encoding="utf-8"))
    found = [one | {"measured": accepted.get(one["id"], {}).get("measured")} for one in ledger]
    text = (root / "book" / "ru.md").read_text(encoding="utf-8")
    roles = re.findall(r"\{(measured|claimed)\}`([^`]*)`", text)
    assert len(roles) > 30
    for role, named in roles:
        assert values[role](found, named)  # else it raises: no such claim, no such condition


def test_negative_numbers_get_a_minus_sign(values):
    told = values["with_minus"]("-0.09 (-.1 to -0.08) on 2026-11-27, -j 2, 1e-05, x-1")
    assert told == "−0.09 (−.1 to −0.08) on 2026-11-27, -j 2, 1\xa0×\xa010⁻⁵, x-1"
    assert values["with_minus"]("-8e-06, 2e+10, f1e5") == "−8\xa0×\xa010⁻⁶, 2\xa0×\xa010¹⁰, f1e5"


def test_of_a_table_only_the_cells_with_numbers_change(values):
    row = (
        '<tr><th>-1 a</th><td class="number">-1.5</td><td>-2</td><td class="number">3e-08</td></tr>'
    )
    told = row.replace(">-1.5", ">−1.5").replace("3e-08", "3\xa0×\xa010⁻⁸")
    assert values["table_with_minus"](row) == told


@pytest.mark.book
def test_no_glued_number_has_a_hyphen():
    pages = list((site_folder() / "book").rglob("*.html"))
    glued = [
        node.get_text()
        for page in pages
        for node in BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").select(
            ".pasted-text, .paper-table td:not(.text)"
        )
    ]
    assert len(glued) > 500 and any("−" in text for text in glued)
    assert [text for text in glued if re.search(r"(?<![\w.])-\.?\d", text)] == []


@pytest.mark.book
def test_the_page_shows_the_numbers():
    page = (site_folder() / "book" / "ru.html").read_text(encoding="utf-8")
    shown = [one.get_text() for one in BeautifulSoup(page, "html.parser").select(".pasted-text")]
    assert len(shown) > 20 and "?" not in shown
    assert all(re.fullmatch(r"[+−]?\d+(,\d+)?(\xa0%)?", one) for one in shown), shown
