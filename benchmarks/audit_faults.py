"""Faults that the audit finds, and alarms on sound sets: catalogues made by rule, and real texts.

``python benchmarks/audit_faults.py`` takes some ten minutes the first time (vectors are kept in the
encoders' cache), ``--made`` a minute and no encoder. Real: sentences of XQuAD-R in English and
Russian by multilingual-e5-small and MiniLM, and generated titles by MiniLM.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from embedding_audit.compare.faults import Base, alarms, audited, inject_faults, toy_base
from paper_utils import load_encoder
from paper_utils.data.catalogue import load_catalogue
from paper_utils.data.judged import load_judged


def first_words(texts: Sequence[str], most: int = 5) -> list[str]:
    """Return the beginnings of texts, as a tokenizer with too small a limit sees them."""
    return [" ".join(text.split()[:most]) for text in texts]


def sentences_by_e5(name: str) -> Base:
    """Return answer sentences with the passage prompt, and otherwise with that of queries."""
    given = load_judged(name)
    texts = given.documents
    e5, first = load_encoder("me5-small"), load_encoder("me5-small", pooling="cls")
    asked = np.sort(np.random.default_rng(0).permutation(len(given.queries))[:200])
    chosen = given.qrels[asked].tocoo()
    qrels: dict[str, dict[str, int]] = {}
    for query, document in zip(chosen.row, chosen.col, strict=True):
        qrels.setdefault(str(query), {})[str(document)] = 1
    documents = e5.document_side
    return Base(
        name=f"me5-small, {name}",
        rows=documents.encode(texts),
        texts=tuple(texts),
        otherwise={
            "model": load_encoder("minilm").encode(texts),
            "prefix": e5.encode(texts),
            "pooling": first.document_side.encode(texts),
            "cut": documents.encode(first_words(texts)),
            "stale": documents.encode(texts)[np.r_[1 : len(texts), 0]],  # the next sentence
        },
        queries=e5.encode([given.queries[i] for i in asked]),
        qrels=qrels,
    )


def texts_by_minilm(name: str, texts: Sequence[str]) -> Base:
    """Return texts by MiniLM, and otherwise by e5."""
    minilm = load_encoder("minilm")
    rows = minilm.encode(texts)
    otherwise = {
        "model": load_encoder("me5-small").document_side.encode(texts),
        "cut": minilm.encode(first_words(texts)),
        "stale": rows[np.r_[1 : len(texts), 0]],
    }
    return Base(f"minilm, {name}", rows, tuple(texts), otherwise)


def real_bases() -> Iterator[Base]:
    """Yield the sets of real encoders."""
    yield sentences_by_e5("xquad-r-en")
    yield sentences_by_e5("xquad-r-ru")
    yield texts_by_minilm("xquad-r-en", load_judged("xquad-r-en").documents)
    titles = load_catalogue("diy", language="ru", n_items=1000)["title"].tolist()
    yield texts_by_minilm("diy", list(dict.fromkeys(titles)))


def main() -> None:
    """Print the table of faults, and what is called a fault in sound sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--made", action="store_true", help="catalogues made by rule alone")
    options = parser.parse_args()
    write = sys.stdout.write
    bases = [toy_base(600, seed=seed) for seed in range(2)]
    bases += [] if options.made else list(real_bases())
    rows = pd.DataFrame(inject_faults(bases))
    order = rows[["fault", "needs", "shown by"]].drop_duplicates()
    for column in ("found", "false alarm"):
        shown = rows.pivot_table(
            index=["fault", "needs"], columns="base", values=column, aggfunc="first", sort=False
        )
        shown = shown.map({True: "yes", False: "no"}.get)
        write(f"\n{column}\n{order.merge(shown, on=['fault', 'needs']).to_string(index=False)}\n")
    write(f"\nfound {int(rows['found'].sum())} of {len(rows)} injected faults; ")
    write(f"{int(rows['false alarm'].sum())} of {len(rows)} controls show theirs\n\n")
    sound = [*bases, *(toy_base(300, seed=seed) for seed in range(2, 18))]
    hit = 0
    for base in sound:
        found = alarms(audited(base, base, "texts"))
        hit += bool(found)
        for one in found:
            write(f"{base.name}: {one.key} ({one.severity:.2f}) {one.sentence}\n")
    write(f"sound sets in which something is called a fault: {hit} of {len(sound)}\n")


if __name__ == "__main__":
    main()
