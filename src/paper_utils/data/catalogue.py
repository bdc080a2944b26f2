"""Catalogues of titles: the generator, real data, or a user's file, checked and with notes."""

from __future__ import annotations

import numbers
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paper_utils.checks import whole
from paper_utils.data.diy import DEFAULT_DIVERSITY, DEFAULT_N_ITEMS, diy_catalogue
from paper_utils.data.files import KINDS, check_file, read_table
from paper_utils.data.sources import data_file
from paper_utils.errors import UsageError, did_you_mean
from paper_utils.fingerprint import sha256

#: Longer titles are cut to this many characters: no encoder here reads more, and no shop prints it.
MAX_TITLE = 1_000

LANGUAGES = ("ru", "en", "all")  #: languages that a catalogue can be asked for

#: Texts that spreadsheets and programs write where a value is missing.
MISSING_WORDS = frozenset({"nan", "null", "none", "n/a", "<na>"})

#: Real catalogues by name: data set, file, title column, pattern that a title must contain.
_REAL = {
    "uhtt-tools": ("uhtt-tools", "products.tsv", "name", None),
    "uhtt-drills": ("uhtt-tools", "products.tsv", "name", r"дрел|шурупов"),
}
_NAMES = ("diy", *_REAL)

_CYRILLIC = re.compile(r"[\u0400-\u052f]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


@dataclass(frozen=True, eq=False)  # tables have no truth value
class Catalogue:
    """Titles, what else is known of them, and what was done to them.

    Examples
    --------
    >>> catalogue = load_catalogue("diy", n_items=50)
    >>> len(catalogue), len(catalogue.titles), catalogue.sha256 == titles_sha256(catalogue.titles)
    (50, 50, True)
    """

    name: str  #: the specification that the catalogue came from
    #: ``title`` (str), ``language`` (``"ru"``, ``"en"`` or ``""`` where no letter tells), then the
    #: other columns of the source; for ``diy`` the attributes (see `diy_catalogue`).
    table: pd.DataFrame
    sha256: str  #: of the titles in their order (see `titles_sha256`), and of nothing else
    notes: tuple[str, ...] = ()  #: one sentence for each treatment that was applied

    @property
    def titles(self) -> list[str]:
        """The titles, in order."""
        return self.table["title"].tolist()

    def __len__(self) -> int:
        return len(self.table)


def titles_sha256(titles: Iterable[str]) -> str:
    """Return the SHA-256 of titles in order, each with its length, the same on every machine.

    Parameters
    ----------
    titles : iterable of str

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> titles_sha256(["ab", "c"]) == titles_sha256(["a", "bc"])
    False
    """
    return sha256(*titles)


def title_language(title: str) -> str:
    """Return "ru" with any Cyrillic letter, "en" with Latin letters only, "" with neither."""
    if _CYRILLIC.search(title):
        return "ru"
    return "en" if _LATIN.search(title) else ""


def load_catalogue(
    spec: str | os.PathLike[str] = "diy",
    *,
    language: str = "ru",
    n_items: int | None = None,
    seed: int = 0,
    column: str | None = None,
) -> Catalogue:
    """Load a catalogue of titles.

    Each treatment leaves a note: rows without a title (null, blank, or a word such as "nan") are
    dropped; titles of more than `MAX_TITLE` characters are cut; duplicates are kept and counted;
    titles that are numbers become text. All else, HTML included, is kept verbatim: escaping is the
    duty of whoever renders a title.

    Parameters
    ----------
    spec : str or path
        ``diy`` (generated; ``diy:diversity=0.3`` sets the knob), ``uhtt-tools`` or ``uhtt-drills``
        (real titles in the folder that ``PAPER_DATA`` names), or a CSV, TSV, JSON lines or Parquet
        file with a title column.
    language : {"ru", "en", "all"}
        Of the titles of ``diy`` (not ``all``); else which titles are kept: ``ru`` with any Cyrillic
        letter, ``en`` with Latin letters only.
    n_items : int, optional
        How many titles, at most. ``diy`` generates them (2,000 where none is given); from another
        source a seeded sample without replacement is drawn, in the order of the source, and a
        smaller sample with the same seed is contained in a larger one. None: all.
    seed : int
        Of the generator or of the sample, not negative.
    column : str, optional
        The title column of a file; where none is given ``title``, else ``name``.

    Returns
    -------
    Catalogue

    Raises
    ------
    UsageError
        Unknown name or language; a file that is missing, empty, not UTF-8, of another kind or
        without the column; no title left.

    Examples
    --------
    >>> load_catalogue("diy", language="en", n_items=100).table["language"].unique().tolist()
    ['en']
    """
    if language not in LANGUAGES:
        raise UsageError(f"language {language!r}: {did_you_mean(language, LANGUAGES)}")
    n_items = None if n_items is None else whole("n_items", n_items, least=1)
    seed = whole("seed", seed, least=0)
    kind, options = _parse(spec)
    if kind == "diy":
        if column is not None:
            raise UsageError(f"column={column!r} is for files; {spec} has its own titles")
        if language == "all":
            raise UsageError("diy is written in one language: language must be ru or en")
        table = diy_catalogue(n_items or DEFAULT_N_ITEMS, language=language, seed=seed, **options)
        return Catalogue(str(spec), table, titles_sha256(table["title"]))
    pattern = None
    if kind == "file":
        table = read_table(spec)
        source = str(spec)
    else:
        if column is not None:
            raise UsageError(f"column={column!r} is for files; {spec} has its own titles")
        dataset, filename, column, pattern = _REAL[kind]
        table = read_table(data_file(dataset, filename), quoted=False)  # quotation marks are inches
        source = kind
    table, notes = _clean(table, column, source)
    if pattern is not None:
        matching = table[table["title"].str.contains(pattern, case=False, regex=True)]
        notes.append(f"titles that match {pattern} kept: {len(matching):,} of {len(table):,}")
        table = matching
    table = _keep_language(table, language, source, notes)
    table = _sample(table, n_items, seed, notes)
    duplicates = int(table["title"].duplicated().sum())
    if duplicates:
        notes.append(f"duplicates kept: {duplicates:,}")
    table = table.reset_index(drop=True)
    return Catalogue(str(spec), table, titles_sha256(table["title"]), tuple(notes))


def catalogue_checksums(*names: str) -> dict[str, str]:
    """Return the checksum of all titles of each catalogue, as records keep it."""
    return {name: load_catalogue(name, language="all").sha256 for name in names}


def check_catalogue(spec: str | os.PathLike[str]) -> None:
    """Raise UsageError unless `spec` names a catalogue that can be loaded here; quick.

    The name is known (and its data is here), or the file exists, can be read, is not empty and is
    of an allowed kind. Its content is not read.

    Parameters
    ----------
    spec : str or path
        As in :func:`load_catalogue`.

    Examples
    --------
    >>> check_catalogue("diy:diversity=3")
    Traceback (most recent call last):
    ...
    paper_utils.errors.UsageError: diversity must be a number from 0 to 1, not '3'
    """
    kind, _ = _parse(spec)
    if kind == "file":
        check_file(spec)
    elif kind != "diy":
        dataset, filename, *_ = _REAL[kind]
        data_file(dataset, filename)


def _parse(spec: str | os.PathLike[str]) -> tuple[str, dict[str, float]]:
    """Return ``diy``, a key of `_REAL` or ``file``, and the options of the generator."""
    if not isinstance(spec, str | os.PathLike):
        raise UsageError(f"a catalogue is a name or a path, not {spec!r}")
    text = os.fspath(spec)
    name, colon, options = text.partition(":")
    if name == "diy":
        return "diy", _diy_options(options) if colon else {}
    if text in _REAL:
        return text, {}
    if text and (Path(text).suffix.lower() in KINDS or Path(text).exists()):
        return "file", {}
    raise UsageError(
        f"unknown catalogue {text!r}: {did_you_mean(text, _NAMES)}, or a file ({', '.join(KINDS)})"
    )


def _diy_options(text: str) -> dict[str, float]:
    options: dict[str, float] = {}
    for part in text.split(","):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key != "diversity":
            raise UsageError(
                f"unknown option {key!r} of diy: {did_you_mean(key, ['diversity'])}, "
                f"as in diy:diversity={DEFAULT_DIVERSITY}"
            )
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise UsageError(f"diversity must be a number from 0 to 1, not {value!r}")
        options["diversity"] = number
    return options


def _title_column(table: pd.DataFrame, column: str | None, source: str) -> str:
    columns = [str(name) for name in table.columns]
    if column is None:
        for name in ("title", "name"):
            if name in columns:
                return name
        raise UsageError(
            f"{source} has neither a column 'title' nor 'name'; call the one with the titles "
            f"'title'; it has: {', '.join(columns)}"
        )
    if column not in columns:
        raise UsageError(f"{source} has no column {column!r}: {did_you_mean(column, columns)}")
    return column


def _clean(table: pd.DataFrame, column: str | None, source: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with checked titles first, and notes on the treatments applied."""
    title = _title_column(table, column, source)
    values = table[title]
    missing = values.isna().to_numpy()
    counts = {"number": 0, "cut": 0, "lines": 0}
    titles: list[str] = []
    for row, (value, absent) in enumerate(zip(values, missing, strict=True)):
        titles.append("" if absent else _as_title(value, row, title, source, counts))
    notes = []
    keep = np.array([bool(text) for text in titles], dtype=bool)
    if not keep.any():
        raise UsageError(f"{source} has no title in column {title!r} ({len(titles)} rows)")
    if not keep.all():
        notes.append(f"rows without a title dropped: {int((~keep).sum()):,}")
    if counts["number"]:
        notes.append(f"numbers taken as titles: {counts['number']:,}")
    if counts["cut"]:
        notes.append(f"titles cut to {MAX_TITLE:,} characters: {counts['cut']:,}")
    if counts["lines"]:
        notes.append(
            f"titles of several lines: {counts['lines']:,} (is a quotation mark left open?)"
        )
    rest = table.drop(columns=title)
    # Columns of the source that bear our names step aside.
    rest = rest.rename(columns={name: f"source_{name}" for name in ("title", "language")})
    rest.insert(0, "title", pd.Series(titles, index=table.index, dtype="str"))
    rest.insert(1, "language", [title_language(text) for text in titles])
    return rest[keep], notes


def _as_title(value: object, row: int, column: str, source: str, counts: dict[str, int]) -> str:
    """Return a title as text, ``""`` where it is missing."""
    if not isinstance(value, str):
        if not isinstance(value, numbers.Number):
            raise UsageError(
                f"{source}, row {row + 1}: {column!r} holds {type(value).__name__}, not text"
            )
        counts["number"] += 1
        value = str(value)
    stripped = value.strip()
    if not stripped or stripped.casefold() in MISSING_WORDS:
        return ""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{source}, row {row + 1}: {column!r} holds half a surrogate pair "
            f"({value[error.start]!r} at character {error.start}), which is no text"
        ) from error
    counts["lines"] += "\n" in stripped
    if len(value) > MAX_TITLE:
        counts["cut"] += 1
        value = value[:MAX_TITLE]
    return value


def _keep_language(
    table: pd.DataFrame, language: str, source: str, notes: list[str]
) -> pd.DataFrame:
    if language == "all":
        return table
    keep = table["language"] == language
    if not keep.any():
        found = ", ".join(
            f"{name or 'neither'}: {count:,}"
            for name, count in table["language"].value_counts().items()
        )
        raise UsageError(
            f"{source} has no title in language {language!r} ({found}); "
            "language 'all' keeps every title"
        )
    if not keep.all():
        letters = "with Cyrillic letters" if language == "ru" else "with Latin letters only"
        notes.append(
            f"titles {letters} kept (language {language!r}): {int(keep.sum()):,} of {len(table):,}"
        )
    return table[keep]


def _sample(table: pd.DataFrame, n_items: int | None, seed: int, notes: list[str]) -> pd.DataFrame:
    if n_items is None:
        return table
    if n_items >= len(table):
        if n_items > len(table):
            notes.append(f"all {len(table):,} titles taken: fewer than n_items={n_items}")
        return table
    # The n smallest of independent uniform numbers: samples of one seed are nested, and nothing
    # but `Generator.random` is asked of NumPy (its shuffles may change between versions).
    order = np.argsort(np.random.Generator(np.random.PCG64(seed)).random(len(table)), kind="stable")
    notes.append(f"seeded sample: {n_items:,} of {len(table):,} titles (seed {seed})")
    return table.iloc[np.sort(order[:n_items])]
