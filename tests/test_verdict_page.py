"""The pages of verdicts: nothing lost, nothing typed, nothing that harms."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from paper_utils.book import source_pages, verdict_page
from paper_utils.claims import Claim, Record, judge, load_claims
from paper_utils.claims.accepted import accepted
from paper_utils.errors import PaperError


def item(id, measured=None, *, source="own", rule=None, interval=None, kind="own", **more):
    claim = Claim(id, source, "Table 1", "A | b.", kind, "first", claimed=1, rule=rule, **more)
    record = None if measured is None else Record(id, measured, interval, n=12)
    return judge(claim, record)


@pytest.fixture
def book(tmp_path):
    """Render the page of verdicts, and those that have each claim in full, with one source."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "references.bib").write_text(
        "@misc{someone-2026, author={One, A. and {Two B} and Three, C.}, title={{A} title}, "
        "year=2026}"
    )

    def render(*verdicts, headlines=""):
        (tmp_path / "book" / "headlines.yml").write_text(headlines)
        return verdict_page.verdict_page(tmp_path, [], verdicts), source_pages.source_pages(
            tmp_path, [], verdicts
        )

    return render


@pytest.fixture
def page(book):
    """Render the page of verdicts alone."""
    return lambda *verdicts, **options: book(*verdicts, **options)[0]


@pytest.fixture
def full(book):
    """Render the pages of claims in full, as one text."""
    return lambda *verdicts: "\n".join(book(*verdicts)[1].values())


AT_LEAST = {"kind": "at_least", "value": 0}


def test_the_summary_counts_what_the_table_shows(page):
    text = page(
        item("O-1", 1, rule=AT_LEAST),
        item("S-1", {"a": 1, "b": -1}, rule=AT_LEAST, source="someone-2026"),
        item("S-2", -1, rule=AT_LEAST, source="someone-2026"),
        item("S-3", source="someone-2026", status="published", needs="a laboratory"),
        item("S-4", 1, rule=AT_LEAST, source="someone-2026", printed=True),
        item("S-5", 1, rule=AT_LEAST, source="someone-2026", kind="slip"),
        item("O-2", 1, rule=AT_LEAST, restates=["S-1", "O-1"]),
    )
    words = " ".join(text.split())
    assert "Of 4 claims of the literature 1 hold as stated, 1 in some" in words
    assert "1 results of this book's own, of which 1 hold" in words
    assert "Not counted are 1 that only restate others and 1 slips of the pen." in words
    assert "Of the 5 that count, 3 were measured here, 1 recomputed from printed values" in words
    assert "and 0 checked in the sources; 1 are published" in words
    assert "| [One et al. (2026)](./verdicts-others.md) | 1 | 1 | 1 | 1 | 4 |" in text
    assert "| measured here | 1 | 1 | 1 | – | 3 |" in text
    assert "| recomputed from printed values | 1 | – | – | – | 1 |" in text
    assert text.count("| **all** | **2** | **1** | **1** | **1** | **5** |") == 2
    titles = re.findall("### (.+)", text)
    assert titles[0] == "One et al. (2026)"
    assert titles[1:] == ["Results of this book", "Side by side", "Slips of the pen"]
    assert "One et al. (2026): A" in text[text.index("### Slips") :]
    marks = BeautifulSoup(text, "html.parser").select(".claim-mark")
    shown = {mark["id"]: mark["data-verdict"] for mark in marks}
    assert shown == {
        "claim-S-1": "conditional",
        "claim-S-2": "fails",
        "claim-S-3": "published",
        "claim-S-4": "holds",
        "claim-S-5": "holds",
        "claim-O-1": "holds",
        "claim-O-2": "holds",
    }


def test_a_claim_is_in_full_once_and_its_line_leads_there(book):
    verdicts = [
        item("S-1", 0.5, rule=AT_LEAST, source="someone-2026"),
        item("S-2", 1, rule=AT_LEAST, source="someone-2026", kind="slip"),
        item("K-1", 0.5, rule=AT_LEAST, source="krasnov-dual-encoder-limits"),
        item("O-1", 0.5, rule=AT_LEAST),
        item("O-2", 1, rule=AT_LEAST, restates=["S-1", "O-1"]),
    ]
    text, pages = book(*verdicts)
    assert list(pages) == ["verdicts-krasnov", "verdicts-own", "verdicts-others"]
    whole = {
        f"{name}.html#{mark['id']}"
        for name, content in pages.items()
        for mark in BeautifulSoup(content, "html.parser").select(".claim-mark")
    }
    lines = [line for line in text.splitlines() if "claim-mark" in line]
    assert len(lines) == len(whole) == len(verdicts)
    assert {BeautifulSoup(line, "html.parser").a["href"] for line in lines} == whole
    links = 'Restates <a href="verdicts.html#claim-S-1">S-1</a>, <a href="verdicts.html#claim-O-1">'
    assert links in pages["verdicts-own"]
    slips = pages["verdicts-others"].partition("## Slips")[2]
    assert "One et al. (2026), Table 1" in slips and "claim-S-1" not in slips


def test_a_line_says_verdict_name_and_statement_and_no_more(page):
    claim = Claim("S-1", "own", "Table 1", "It *rises*. (Measured: a slope.)", "own", "first")
    (line,) = [line for line in page(judge(claim, None)).splitlines() if "claim-S-1" in line]
    assert line.endswith("S-1</a>** It *rises*. |") and "not run here" in line


def test_every_source_of_the_ledger_has_its_page(root):
    sources = {claim.source for claim in load_claims().values()}
    known = set(source_pages.source_names(root)) | {"own"}
    named = [key for _, keys in source_pages.PAGES.values() for key in keys]
    assert set(named) <= known and len(set(named)) == len(named)
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    assert all(f"book/chapters/{source_pages.page_of(key)}\n" in toc for key in sources)


def test_a_row_says_claimed_measured_interval_rule_place_and_verdict(full):
    row = full(item("S-1", 0.5, rule=AT_LEAST, interval=(0.25, 0.75), source="someone-2026"))
    row = next(line for line in row.splitlines() if "claim-S-1" in line)
    for part in ("A \\| b.", "Table 1", "Claimed:</span> 1", "0.5 [0.25, 0.75]", "(n = 12)"):
        assert part in row
    assert "rule: at least 0" in row and "✓ holds" in row


def test_a_number_without_an_interval_says_why(full):
    text = full(item("O-1", 1, rule=AT_LEAST, unit="dimensions", exact="count: of one list"))
    assert "1<br>(dimensions; n = 12; no interval: of one list)" in text


def test_many_conditions_are_folded_and_none_is_lost(full):
    names = [f"case {number}" for number in range(9)]
    text = full(item("O-1", dict.fromkeys(names, 1), rule=AT_LEAST))
    soup = BeautifulSoup(text, "html.parser")
    assert all(f"{name}: 1" in soup.get_text() for name in names)
    assert soup.summary.get_text() == "5 more"
    assert "case 3" not in soup.details.get_text() and "case 4" in soup.details.get_text()


def test_names_of_conditions_and_sources_are_text(book):
    hostile = "<script>alert(1)</script>"
    text, pages = book(item("O-1", {hostile: 1, "b": -1}, rule=AT_LEAST, source='"><b>'))
    for content in (text, *pages.values()):
        assert hostile not in content
        assert "<b>" not in content


ENTRY = "{id: O-1, claim: It is., verdict: holds, found: 'By {measured[a]:+.1f}.'}"


def test_a_headline_sets_what_was_found_in_bold_and_the_claim_plainly(page):
    text = page(item("O-1", {"a": 1}, rule=AT_LEAST), headlines=f"- {ENTRY}")
    (line,) = [line for line in text.splitlines() if "It is." in line]
    assert line.startswith('- <span class="claimed">*Claim*: It is.</span> → <span class="verdict')
    assert "✓ holds</span> **By +1.0.** <span" in line


def test_a_headline_is_shown_with_its_measurement_and_verdict_only(page):
    headlines = f"- {ENTRY}"
    assert "It is." not in page(item("O-1", {"b": 1}, rule=AT_LEAST), headlines=headlines)
    assert "It is." not in page(item("O-1", {"a": -1}, rule=AT_LEAST), headlines=headlines)
    with pytest.raises(PaperError, match=r"headlines\.yml: 'O-1'; did you mean 'O-2'"):
        page(item("O-2", {"a": 1}, rule=AT_LEAST), headlines=headlines)
    with pytest.raises(PaperError, match="id, claim, verdict and found, not id, text"):
        page(item("O-1", 1), headlines="- {id: O-1, text: x}")


def test_every_headline_is_measured_and_types_no_number(root):
    entries = verdict_page.load_headlines(root)
    assert len(entries) >= 8
    for entry in entries:
        assert entry["id"] in load_claims()
        text = f"{entry['claim']} {entry['found']} {entry.get('more', '')}"
        assert all(verdict_page.headline_texts(entry, accepted(entry["id"]))[:1])
        assert not re.search(r"[\\$]", text), f"{entry['id']}: TeX in a headline"
        typed = re.sub(r"\{[^}]*\}|@\d+|BM25", " ", text)
        assert not re.search(r"\d", typed), entry["id"]
