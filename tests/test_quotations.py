"""Every quotation of a source is a string of that source, and stands in `book/quotations.yml`.

A text of the book marks it by “…”, the Russian page by «…», a block of its own by `>` as well.
PAPER_SOURCES names a folder of the sources' texts; without it their checksums stand for them.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path

import pytest
import yaml

from paper_utils.claims import load_claims
from paper_utils.published import published

ROOT = Path(__file__).resolve().parents[1]
CHECKSUMS = ROOT / "tests" / "quotations.sha256"
LIST = yaml.safe_load((ROOT / "book" / "quotations.yml").read_text(encoding="utf-8"))
QUOTATIONS = LIST["quotations"]
TEXTS = {
    "krasnov-dual-encoder-limits": "krasnov-dual-encoder-limits.txt",
    "jiqizhixin-2025-limit": "limit-news.txt",
    "limit-digest-2025": "limit-digest.txt",
    "sharma-2026-numen": "numen-abstract.txt",
    "gao-2026-semantic-shift": "pooling-semantic-shift-abstract.txt",
}
KRASNOV = "krasnov-dual-encoder-limits"
PAGES = sorted([*ROOT.glob("notebooks/*.md"), *ROOT.glob("book/*.md"), ROOT / "README.md"])


def plain(text: str) -> str:
    """Return a text without what typesetting may change: spaces, hyphens, quote marks, markup."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = re.sub(r"\{[\w:]+\}`([^`<]*?)\s*(?:<[^`]*>)?`", r"\1", text)  # a link to a term
    text = re.sub("[“”„‟«»\"'‘’`$*]|\u00ad", "", text)
    text = re.sub(r"(?<=[^\W\d_])[-‐‑]\s*(?=[^\W\d_])", "", text)
    return re.sub(r"\s+", "", re.sub("[‐‑‒–—−]", "-", text)).strip(".,;:")


def holds(text: str, quoted: str) -> bool:
    """Return whether a source has a quotation, its parts in order where […] leaves some out."""
    at = 0
    for part in re.split(r"\[(?:…|\.\.\.)\]", quoted):
        found = text.find(plain(part), at)
        if found < 0:
            return False
        at = found + len(plain(part))
    return True


def missing_in(folder: Path) -> list[str]:
    """Return a line for each quotation or heading that its source does not hold."""
    texts = {key: (folder / name).read_text(encoding="utf-8") for key, name in TEXTS.items()}
    bare = {key: plain(text) for key, text in texts.items()}
    told = [
        f"{one['source']}, {one['at']}: “{one['text']}” is not in the source"
        for one in QUOTATIONS
        if not holds(bare[one["source"]], one["text"])
    ]
    headings = [
        (key, name) for key, names in LIST["sections"].items() for name in names.values()
    ] + [(one["source"], one["at"]) for one in QUOTATIONS if one["source"] == KRASNOV]
    lines = {key: {plain(line) for line in text.splitlines()} for key, text in texts.items()}
    for key, name in dict.fromkeys(headings):
        if not any(line.startswith(plain(name)) for line in lines[key]):
            told.append(f"{key}: no section {name!r}")
    return told


def checksums() -> str:
    """Return a line for each quotation: its checksum and its source."""
    pairs = [(one["source"], plain(one["text"])) for one in QUOTATIONS]
    lines = [f"{hashlib.sha256((key + text).encode()).hexdigest()}  {key}\n" for key, text in pairs]
    return "".join(sorted(lines))


def prose_of(text: str) -> str:
    """Return a page without its cells, its listings and its code in backquotes."""

    def kept(block: re.Match) -> str:
        return block[3] if re.match(r"\{(?!code-cell)", block[2]) else ""

    fence = r"^(`{3,})(\S*)[^\n]*\n(.*?)^\1 *$"
    text = re.sub(fence, kept, text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!\})`[^`\n]+`", "", text)


def quoted_in(text: str, *, russian: bool = False) -> list[str]:
    """Return what a text puts between the marks of a quotation."""
    marks = "«([^»]*)»" if russian else "“([^”]*)”"
    return [re.sub(r"\s*\n>?\s*", " ", one) for one in re.findall(marks, text)]


def texts() -> dict[str, list[str]]:
    """Return the quotations of every page and of the ledger."""
    found = {
        path.relative_to(ROOT).as_posix(): quoted_in(
            prose_of(path.read_text(encoding="utf-8")), russian=path.name == "ru.md"
        )
        for path in PAGES
    }
    for claim in load_claims().values():
        reason = (claim.judged or {}).get("reason", "")
        found[f"claim {claim.id}"] = quoted_in(f"{claim.statement}\n{reason}\n{claim.needs}")
    return found


def test_every_quotation_of_the_book_is_listed():
    known = {plain(one[key]) for one in QUOTATIONS for key in ("text", "english") if key in one}
    known |= {plain(name) for names in LIST["sections"].values() for name in names.values()}
    told = [
        f"{place}: “{quoted}” is not in book/quotations.yml"
        for place, several in texts().items()
        for quoted in several
        if plain(quoted) not in known
    ]
    assert told == []


def test_every_listed_quotation_is_quoted():
    used = {plain(quoted) for several in texts().values() for quoted in several}
    for one in QUOTATIONS:
        shown = {plain(one[key]) for key in ("text", "english") if key in one}
        assert shown & used, f"{one['text']!r} is quoted nowhere"


def test_the_list_has_its_checksums():
    """A changed quotation fails where the sources are not."""
    assert CHECKSUMS.read_text(encoding="utf-8") == checksums(), (
        "compare with the sources: PAPER_SOURCES=… python tests/test_quotations.py"
    )


@pytest.fixture
def sources() -> Path:
    """The folder of the sources' texts; skips where there is none."""
    folder = os.environ.get("PAPER_SOURCES")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PAPER_SOURCES names no folder: the texts of the sources are not here")
    return Path(folder)


@pytest.mark.realdata
def test_every_source_holds_its_quotations(sources):
    assert missing_in(sources) == []


def test_places_in_the_ledger_name_sections_of_the_source():
    known = LIST["sections"][KRASNOV]
    place = re.compile(
        r'section "(?P<name>[^"]+)"|(?:text after )?(?:Table|Figure) \d|abstract|contradictions? \d'
    )
    for claim in load_claims().values():
        if claim.source == KRASNOV:
            found = place.match(claim.at)
            assert found, f"{claim.id}: {claim.at!r} names no place of the source"
            assert found["name"] in {None, *known}, f"{claim.id}: no section {found['name']!r}"


@pytest.mark.realdata
def test_published_values_stand_in_the_source(sources):
    text = (sources / TEXTS[KRASNOV]).read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    for name, columns in (
        ("krasnov-table-1", ("d", "d_eff", "ratio")),
        ("krasnov-table-2", ("var_emp", "inv_d_eff")),
    ):
        for model, values in published(name).value.items():
            cells = [f"{values[column]:g}" for column in columns]
            assert any(row[0] and model.startswith(row[0]) and row[1:] == cells for row in rows), (
                f"{name}: no row {model} {cells}"
            )
    for k, value in published("krasnov-norm-table").value.items():
        assert any(row[0] == str(k) and float(row[-1]) == value for row in rows if row[1:]), k


@pytest.mark.parametrize(
    ("quoted", "held"),
    [
        ("низко-\nранговая структура", True),
        ("низкоранговая «структура»", True),
        ("низкоранговая […] направлениям", True),
        ("направлениям […] низкоранговая", False),
        ("грубый поиск", False),
    ],
)
def test_a_quotation_is_compared_without_hyphens_spaces_and_quote_marks(quoted, held):
    source = (
        "Низкоранговая структура (ограничение “ранга”)\nприводит к коррелированным направлениям."
    )
    assert holds(plain(source), quoted) is held


def test_a_page_without_its_code_has_its_quotations():
    page = (
        "> “One\n> two” `“three”` {term}`x`\n\n```{code-cell} ipython3\n'“four”'\n```\n"
        "“{term}`five <b>`”\n"
    )
    assert [plain(one) for one in quoted_in(prose_of(page))] == ["onetwo", "five"]


if __name__ == "__main__":
    if wrong := missing_in(Path(os.environ["PAPER_SOURCES"])):
        raise SystemExit("\n".join(wrong))
    CHECKSUMS.write_text(checksums(), encoding="utf-8")
