"""A replica of the LIMIT of 50,000 documents, whose released corpus is a large download."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from paper_utils.checks import whole
from paper_utils.data.files import read_table
from paper_utils.data.sources import data_file
from paper_utils.errors import UsageError
from paper_utils.limit.assign import distractor_rows, relevant_rows
from paper_utils.limit.data import LimitData, checked_file, read_judgements, read_queries
from paper_utils.limit.names import invent_names
from paper_utils.limit.sentences import read_query, write_document

LENGTH = 45  #: attributes of a document of LIMIT

_LIST_SHA256 = "539b9228ab59b282ad054924acf62e4c0397e2a10f2e8c5c0e14a25a111a1c13"


def limit_replica(n_docs: int = 50_000, seed: int = 0) -> LimitData:
    """Rebuild LIMIT from its released queries, judgements and list of attributes.

    Each of the 46 relevant documents lists the attributes of its queries and is filled to 45
    with attributes of no query; every other document lists 45 of these, drawn uniformly without
    repetition. The names of the others are invented, and no word of them occurs in an attribute.
    The 46 come first, and a smaller replica is the beginning of a larger one of the same seed.

    Parameters
    ----------
    n_docs, seed : int
        At least 46, and not negative.

    Returns
    -------
    LimitData
        Its `attributes` are the released list, then what queries ask for beyond it.

    Raises
    ------
    UsageError
        A number out of range, or released files that are not here or not those of the pinned
        commit (``paper data fetch limit``).

    References
    ----------
    O. Weller et al., arXiv 2508.21038, section 5.2.

    Examples
    --------
    >>> len(limit_replica(1000).documents)  # doctest: +SKIP
    1000
    """
    query_ids, queries = read_queries("limit")
    named = [read_query(query) for query in queries]
    listed = released_attributes()
    attributes = tuple(dict.fromkeys([*listed, *named]))
    place = {attribute: i for i, attribute in enumerate(attributes)}
    of_queries = np.array([place[attribute] for attribute in named], dtype=np.int64)
    relevant, qrels = _released_judgements(query_ids, n_docs)
    free = np.setdiff1d(np.arange(len(attributes)), of_queries)

    rows = [*relevant_rows(qrels, of_queries, len(relevant), free, LENGTH, seed)]
    rows += distractor_rows(free, n_docs - len(relevant), LENGTH, seed)
    words = {word for attribute in attributes for word in re.findall(r"\w+", attribute.lower())}
    names = invent_names(n_docs - len(relevant), seed=seed, avoid={*relevant, *words})
    doc_ids = (*relevant, *names)
    documents = tuple(
        write_document(name, [attributes[a] for a in row])
        for name, row in zip(doc_ids, rows, strict=True)
    )
    return LimitData(
        f"replica of LIMIT, {n_docs:,} documents, seed {seed}",
        doc_ids, documents, query_ids, queries, qrels, attributes, tuple(rows), of_queries,
    )  # fmt: skip


def released_attributes() -> tuple[str, ...]:
    """Return the 1,848 attributes that LIMIT's generator draws from, in its order."""
    path = data_file("limit", "queries.jsonl").with_name("attributes.txt")
    if not path.is_file():
        raise UsageError(
            f"{path} is not here: it is the list of attributes in the notebook of "
            "github.com/google-deepmind/limit, one a line"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != _LIST_SHA256:
        raise UsageError(f"{path} is not the released list of 1,848 attributes, one a line")
    return tuple(content.decode().splitlines())


def _released_judgements(
    query_ids: Sequence[str], n_docs: int
) -> tuple[tuple[str, ...], sparse.csr_array]:
    """Return the relevant documents and the judgements, widened to `n_docs` columns."""
    path = checked_file("limit", "qrels.jsonl")
    relevant = tuple(dict.fromkeys(read_table(path)["corpus-id"]))
    whole("n_docs", n_docs, least=len(relevant))
    narrow = read_judgements(path, query_ids, relevant)
    shape = (len(query_ids), int(n_docs))
    return relevant, sparse.csr_array((narrow.data, narrow.indices, narrow.indptr), shape=shape)
