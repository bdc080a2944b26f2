"""What people have, read by content: vectors with ids, and tables of texts and judgements."""

from __future__ import annotations

from typing import Any

from embedding_audit.reading.names import ID_NAMES, VECTOR_NAMES, id_columns
from embedding_audit.reading.opening import from_array, id_texts, open_vectors
from embedding_audit.reading.source import existing, reason, shown
from embedding_audit.reading.vectors import Joined, Mapped, Vectors

__all__ = [
    "ID_NAMES",
    "VECTOR_NAMES",
    "Joined",
    "Mapped",
    "Vectors",
    "existing",
    "from_array",
    "id_columns",
    "id_texts",
    "kind_of",
    "open_vectors",
    "read_json",
    "read_lines",
    "read_rows",
    "reason",
    "shown",
]


def __getattr__(name: str) -> Any:
    # Tables bring pandas, which vectors alone do without.
    if name in ("read_rows", "read_lines", "read_json", "kind_of"):
        from embedding_audit.reading import rows

        return getattr(rows, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
