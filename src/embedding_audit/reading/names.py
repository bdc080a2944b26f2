"""Names by which ids and vectors are found in files: one list for all readers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paper_utils.errors import UsageError, did_you_mean

#: Columns, fields and arrays that are taken for ids, in the order in which one is chosen where
#: several are there; what names a document stands before what names a row or a chunk.
ID_NAMES = (
    "custom_id",
    "docid",
    "doc_id",
    "docno",
    "document_id",
    "corpus_id",
    "corpusid",
    "qid",
    "query_id",
    "_id",
    "id",
    "ids",
    "pid",
    "passage_id",
    "item_id",
    "product_id",
    "record_id",
    "article_id",
    "page_id",
    "sku",
    "asin",
    "isbn",
    "ean",
    "gtin",
    "uuid",
    "guid",
    "key",
    "point_id",
    "chunk_id",
)

#: The same for vectors.
VECTOR_NAMES = (
    "embeddings",
    "embedding",
    "vectors",
    "vector",
    "values",
    "dense_vector",
    "dense",
    "emb",
    "embs",
    "features",
    "train",
    "base",
    "float",
    "int8",
    "uint8",
    "ubinary",
    "binary",
    "base64",
)

#: What an unnamed index of a data frame is called in files.
INDEX_NAMES = ("", "unnamed: 0", "__index_level_0__", "index")

#: What is beside vectors, and of numbers, but never the vectors.
_OTHERS = re.compile(
    r"(neighbo|distance|token|input_ids|attention|label|offset|shape|indices|sparse|score|bbox)"
)


def plain(name: str) -> str:
    """Return a name without case, hyphens, underscores and spaces.

    >>> plain("Corpus-ID"), plain("_id")
    ('corpusid', 'id')
    """
    return re.sub(r"[-_\s]", "", name).casefold()


_IDS = {plain(name): place for place, name in reversed(list(enumerate(ID_NAMES)))}


def id_rank(name: str) -> tuple[int, int, int] | None:
    """Return the place of a column among those of ids, least first; None: it is none of them.
    Of nested fields the last part counts, and outer ones stand before inner ones.
    """
    last = name.rpartition(".")[2]
    place = _IDS.get(plain(last), _IDS.get(plain(last).removesuffix("s")))  # doc_ids
    if place is None:
        return None
    return name.count("."), ID_NAMES.index(last) if last in ID_NAMES else place, len(name)


def id_columns(names: Sequence[str]) -> list[str]:
    """Return the columns that may hold ids, the one to take first.

    >>> id_columns(["id", "title", "DocNo", "payload.sku"])
    ['DocNo', 'id', 'payload.sku']
    """
    ranked = [(rank, name) for name in names if (rank := id_rank(name)) is not None]
    return [name for _, name in sorted(ranked)]


def find_column(names: Sequence[str], wanted: str, where: str, what: str) -> str:
    """Return the column that is meant by `wanted`: exactly, plainly or by its last part.
    UsageError: none, or several.
    """
    for same in (
        lambda name: name == wanted,
        lambda name: plain(name) == plain(wanted),
        lambda name: plain(name.rpartition(".")[2]) == plain(wanted),
    ):
        found = [name for name in names if same(name)]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(map(repr, found[:5]))
            raise UsageError(f"{where}: {what} {wanted!r:.60} may be any of {listed:.160}")
    hint = did_you_mean(wanted, names[:12]) if names else "there are none"
    raise UsageError(f"{where} has no {what} {wanted!r:.60}; {hint:.240}")


def speaks(name: str) -> bool:
    """Whether a name speaks of vectors."""
    return re.search("emb|vec", name.casefold()) is not None


def choose_vectors(
    names: Sequence[str], wanted: str, where: str, floats: Sequence[str] = ()
) -> tuple[str, tuple[str, ...]]:
    """Return the name of the vectors among `names`, and a note where others might be meant.
    Chosen: `wanted`; by VECTOR_NAMES; the only one; the only one of `floats`; the only one whose
    name speaks of vectors. UsageError: several, or none.
    """
    if wanted:
        return find_column(names, wanted, where, "vectors"), ()
    free = [name for name in names if not _OTHERS.search(name.casefold())]
    sparse = [name for name in free if name.rpartition(".")[0] in _sparse(names)]
    if sparse and len(sparse) == len(free):
        raise UsageError(
            f"{where} holds sparse vectors ({sparse[0]!r:.60} beside indices): dense ones are "
            "audited"
        )
    free = [name for name in free if name not in sparse]
    named = sorted((rank, name) for name in free if (rank := _vector_rank(name)) is not None)
    spoken = [name for name in free if speaks(name)]
    first = [name for rank, name in named if rank[:2] == named[0][0][:2]]  # `a.emb` and `b.emb` tie
    for some in (first, free, [n for n in floats if n in free], spoken):
        if len(some) == 1:
            others = [name for name in free if name != some[0]]
            if not others:
                return some[0], ()
            listed = ", ".join(f"`{name}`" for name in others[:4])
            note = f"the vectors are those of `{some[0]}`; {listed:.160} could be meant too"
            return some[0], (f"{note}: --vector-column",)
    found = ", ".join(repr(name) for name in names[:5]) or "none"
    raise UsageError(
        f"{where} holds {len(names)} columns of vectors ({found:.160}); name the one with "
        "--vector-column, or as FILE::NAME"
        if names
        else f"{where} holds no column, field or array of vectors"
    )


def _sparse(names: Sequence[str]) -> set[str]:
    """The fields whose numbers are those of a sparse vector: they have places of their own."""
    parts = [name.rpartition(".") for name in names]
    return {outer for outer, _, last in parts if plain(last) in ("indices", "indexes", "indptr")}


def _vector_rank(name: str) -> tuple[int, int, str] | None:
    last = plain(name.rpartition(".")[2])
    places = [i for i, one in enumerate(VECTOR_NAMES) if plain(one) == last]
    # Of `embeddings.float` and `embeddings.int8` the order of the types decides.
    return (name.count("."), places[0], name) if places else None
