"""Every word of the prose is in a dictionary, or in our own list of words that are not.

The dictionary is British English (`spelling/en_GB-ise`); Russian words are looked up in the
Russian one that spylls brings. `spelling/words.txt` holds names and terms, one a line.
"""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest
import spylls
import yaml
from spylls.hunspell import Dictionary

ROOT = Path(__file__).resolve().parents[1]
SPELLING = ROOT / "tests" / "spelling"
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")

_NOT_PROSE = [
    r"\A---\n.*?\n---\n",  # front matter
    r"^(`{3,})\{(?:code-cell|math|bibliography).*?^\1",  # code and formulas
    r"^(`{3,})\w*\n.*?^\1",
    r"^\$\$.*?^\$\$",
    r"<!--.*?-->|^%.*?$",
    r"(?<![\\$])\$[^$]+\$",
    r"^:(?!\*\*)[\w-]+:.*?$",  # options of a directive, but not the fields of a card
    r"^\s*:{3,}\{[\w:-]+\}|^\([\w-]+\)=$",
    r"\{(?:cite|claimed|measured|verdicts|prf|eq|numref|glue|ref|doc|download)[^}]*\}`[^`]*`",
    r"(?<=\})`|\{[\w:-]+\}",
    r"``[^`]+``|`[^`\n]+(?:\n[^`\n]+)?`",
    r"\]\([^)]*\)",
    r"https?://\S+",
    r"<[^>]+>",
    r"\{[.#][^}]*\}",
    r"\\[A-Za-z]+",
    r"[\w-]+\.(?:cff|md|yml)\b",
]
_CUT = re.compile("|".join(f"(?:{one})" for one in _NOT_PROSE[3:]), re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?:['’][^\W\d_]+)*(?!\w)")  # BM25 is no word


def prose_of(text: str) -> str:
    """Return Markdown text without code, formulas, roles, addresses and markup."""
    for pattern in _NOT_PROSE[:3]:
        text = re.sub(pattern, " ", text, flags=re.MULTILINE | re.DOTALL)
    # First of all what a link to a term shows: its backquotes would pair with those that follow.
    return _CUT.sub(" ", re.sub(r"\{term\}`([^`<]*)(?:<[^`]*>)?`", r"\1", text))


def captions_of(text: str) -> str:
    """Return captions and alternative texts of the figures and tables in a chapter's cells."""
    found = [
        line
        for block in re.findall(r"^ *caption: \|\n((?: {6,}.*\n)+)", text, re.MULTILINE)
        for line in block.splitlines()
    ]
    found += re.findall(r"^ *alt: (.*)$", text, re.MULTILINE)
    for cell in re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        code = re.sub(r"\A(?:---\n.*?\n---\n|(?::.*\n)+)", "", cell, flags=re.DOTALL)
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "table":
                found += [
                    part.value
                    for argument in node.args[1:2]
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
    return prose_of("\n".join(found))


@functools.cache
def dictionaries() -> tuple[Dictionary, Dictionary]:
    """Return the British and the Russian dictionary."""
    russian = Path(spylls.__file__).parent / "hunspell" / "data" / "ru" / "ru"
    return Dictionary.from_files(str(SPELLING / "en_GB-ise")), Dictionary.from_files(str(russian))


@functools.cache
def is_known(word: str) -> bool:
    """Return whether a dictionary has the word as it stands, or in lower case."""
    english, russian = dictionaries()
    dictionary = russian if re.search("[а-яё]", word, re.IGNORECASE) else english
    word = word.replace("’", "'")
    forms = {word, word.lower(), word.replace("ё", "е")}
    return any(dictionary.lookup(form) for form in forms)


@functools.cache
def own_words() -> list[str]:
    return (SPELLING / "words.txt").read_text(encoding="utf-8").split()


def words_of(text: str) -> set[str]:
    return {word for word in _WORD.findall(text) if len(word) > 1}


def unknown_in(words: set[str]) -> list[str]:
    """Return the words that neither a dictionary nor our own list has."""
    ours = set(own_words())
    strange = {word for word in words if not {word, word.lower()} & ours}
    bare = {word: re.sub("['’]s$", "", word) for word in strange}
    return sorted(word for word in strange if bare[word] not in ours and not is_known(bare[word]))


def ledger_text() -> str:
    entries = yaml.safe_load((ROOT / "book" / "claims.yml").read_text(encoding="utf-8"))
    parts = [entry["statement"] for entry in entries]
    parts += [entry["judged"]["reason"] for entry in entries if "judged" in entry]
    parts += [entry["needs"] for entry in entries if entry.get("needs")]
    return prose_of("\n\n".join(map(str, parts)))


@functools.cache
def all_words() -> dict[str, set[str]]:
    """Return the words of every text of the project, by file."""
    files = [*sorted((ROOT / "notebooks").glob("*.md")), *sorted((ROOT / "book").glob("*.md"))]
    files += [ROOT / name for name in PAGES]
    found = {"book/claims.yml": words_of(ledger_text())}
    for path in files:
        text = path.read_text(encoding="utf-8")
        words = words_of(prose_of(text)) | words_of(captions_of(text))
        found[path.relative_to(ROOT).as_posix()] = words
    return found


@pytest.mark.parametrize(
    "name",
    ["book/claims.yml", *PAGES]
    + [
        path.relative_to(ROOT).as_posix()
        for folder in ("notebooks", "book")
        for path in sorted((ROOT / folder).glob("*.md"))
    ],
)
def test_every_word_is_spelt_as_a_dictionary_has_it(name):
    assert unknown_in(all_words()[name]) == [], (
        f"{name}: mend the word, or add a name or a term to tests/spelling/words.txt"
    )


def test_our_own_words_are_sorted_and_in_no_dictionary():
    ours = own_words()
    assert ours == sorted(set(ours), key=lambda word: (word.lower(), word))
    assert [word for word in ours if is_known(word)] == []


def test_the_prose_of_a_page_is_told_from_its_code():
    page = (
        "---\nkernelspec: nonsensical\n---\n\n# A heding\n\n"
        "A {term}`trm <abcde>` {cite:p}`abcde-2020`\n\n"
        ":::{admonition} In shrt\n:class: xyzzy\n\n:**Fund**: some {cite:p}`abcde-2020` text"
        " `cde`\n:::\n\nThe $\\alphabeta$ of [a lnk](http://zz.example/q) <b id='kls'>bld</b>.\n\n"
        "```{code-cell} ipython3\nqwrt = 1\n"
        'plots.table(rws, f"A capton of {qwrt} thngs")\n```\n\nThe colour, not the color.\n'
    )
    assert unknown_in(words_of(prose_of(page))) == ["bld", "color", "heding", "lnk", "shrt", "trm"]
    assert unknown_in(words_of(captions_of(page))) == ["capton", "thngs"]
    assert unknown_in({"шуруповёрт", "дрель", "дрелль"}) == ["дрелль"]
