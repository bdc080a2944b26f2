"""The book's own attributes: phrases in English and Russian, many with a synonym."""

from __future__ import annotations

import functools

from paper_utils.data.files import read_table
from paper_utils.errors import PaperError
from paper_utils.limit.sentences import check_language
from paper_utils.paths import RESOURCES

_FILE = RESOURCES / "limit" / "vocabulary.tsv"


def load_vocabulary(language: str = "en") -> tuple[str, ...]:
    """Return distinct phrases without commas; a place means the same in both languages."""
    check_language(language)
    return _column(language, gaps=False)


def load_synonyms(language: str = "en") -> tuple[str, ...]:
    """Return another phrase for each attribute of `load_vocabulary`, in order; empty where none.
    No phrase but the empty one is repeated.
    """
    check_language(language)
    return _column(f"{language}_synonym", gaps=True)


@functools.cache
def _column(name: str, *, gaps: bool) -> tuple[str, ...]:
    table = read_table(_FILE, quoted=False)
    if name not in table.columns:
        raise PaperError(f"{_FILE} has no column {name!r}; install the package anew")
    phrases = tuple(table[name])
    written = [phrase for phrase in phrases if phrase or not gaps]
    bad = next((p for p in written if not p or p != p.strip() or "," in p), None)
    if bad is not None or len(set(written)) < len(written):
        what = "a phrase twice" if bad is None else f"the phrase {bad!r}"
        raise PaperError(f"{_FILE}, column {name}, holds {what}; install the package anew")
    return phrases
