"""Titles of a catalogue, encoded first: the one part that needs the book's packages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedding_audit.given import Inputs, at_least
from embedding_audit.matching.inputs import assembled
from embedding_audit.matching.judgements import Lines, read_judgements
from embedding_audit.matching.names import keys_of
from embedding_audit.matching.side import Side
from embedding_audit.matching.texts import Texts, read_texts
from embedding_audit.reading.source import shown
from embedding_audit.reading.vectors import Vectors
from paper_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from paper_utils.data.catalogue import Catalogue
    from paper_utils.encoders import Encoder


def encoded_inputs(
    model: str = "minilm",
    catalogue: str = "diy",
    *,
    queries: Any = None,
    qrels: Any = None,
    language: str = "",
    n_items: int = 0,
    n_queries: int = 100,
    seed: int = 0,
    **reading: Any,
) -> Inputs:
    """Encode the titles of a catalogue, and texts of queries: those of `queries` (any form of
    :func:`read_texts`), or the judged ones of ``diy``. No `n_items`, or 0: all; `language`: as
    ``load_catalogue``; `reading`: as :func:`read_inputs`. UsageError: also packages not installed.
    """
    try:
        from paper_utils.data.catalogue import load_catalogue
        from paper_utils.encoders import load_encoder
    except ImportError as error:
        raise UsageError(
            f"encoding titles needs the book's packages ({error.name} is not installed): "
            "pip install 'dual-encoder-limits[book]', or give a file of vectors"
        ) from None
    own = catalogue.partition(":")[0] == "diy"
    language = language or ("ru" if own else "all")
    text_column = reading.pop("text_column", "")
    found = load_catalogue(
        catalogue, language=language, n_items=n_items or None, seed=seed, column=text_column or None
    )
    encoder = load_encoder(model, seed=seed)
    titles = _side(
        getattr(encoder, "document_side", encoder),
        model,
        str(catalogue),
        _texts(found),
        found.notes,
    )
    lines = None if qrels is None else read_judgements(qrels)
    if queries is not None:
        texts = read_texts(queries, text_column, "queries", must=False)
        asked = _side(encoder, model, texts.name, texts)
    elif own:
        texts, relevant = _own_queries(found.table, language, n_queries, seed)
        asked = _side(encoder, model, f"the queries of {catalogue}", texts)
        lines = lines or relevant
    elif qrels is not None:
        raise UsageError("judgements need queries: name the file of their texts with --queries")
    else:
        asked = None
    if queries is not None and lines is not None:
        _check_rows(titles, str(catalogue), lines)
    inputs = assembled(titles, asked, lines, **reading)
    source = inputs.source | {"model": model, "catalogue": str(catalogue)}
    return replace(inputs, source=source)


def _texts(found: Catalogue) -> Texts:
    columns = found.table.drop(columns="title")
    return Texts(found.name, tuple(found.titles), "`title`", columns)


def _side(encoder: Encoder, model: str, name: str, texts: Texts, notes: Sequence[str] = ()) -> Side:
    data = encoder.encode(list(texts.strings))
    vectors = Vectors(f"{model} of {shown(name)}", "encoder", data)
    return Side(vectors, texts, notes=tuple(notes))


def _own_queries(
    table: pd.DataFrame, language: str, n_queries: int, seed: int
) -> tuple[Texts, Lines]:
    """The queries of ``diy``; relevant is what has all that a query asks for."""
    import pandas as pd

    from paper_utils.data.diy_queries import diy_queries

    found = diy_queries(table, language, n_queries=n_queries, seed=seed)
    texts = Texts(
        "the queries of diy", found.texts, "generated", pd.DataFrame(index=range(len(found)))
    )
    return texts, read_judgements(at_least(found.grades, 2))


def _check_rows(titles: Side, catalogue: str, lines: Lines) -> None:
    """Refuse row numbers of a file of which only some rows are encoded."""
    from paper_utils.data.files import KINDS, read_table

    if keys_of(None, "", titles.texts.columns) or Path(catalogue).suffix.lower() not in KINDS:
        return
    n, n_file = len(titles.texts.strings), len(read_table(os.fspath(catalogue)))
    if n < n_file:
        raise UsageError(
            f"{shown(catalogue)}: {n:,} of {n_file:,} rows are audited, so the row numbers in "
            f"{lines.name} are not theirs: give the titles a column 'id'"
        )
