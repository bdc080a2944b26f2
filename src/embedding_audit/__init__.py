"""The audit: which limits the embeddings of an index meet, how badly, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embedding_audit.inputs import read_inputs
from embedding_audit.measure import Measure

if TYPE_CHECKING:
    from embedding_audit.report import Report, audit

__all__ = ["Measure", "Report", "audit", "read_inputs"]


def __getattr__(name: str) -> Any:
    # What measures imports torch and scipy; the command checks its files without them.
    if name in ("Report", "audit"):
        from embedding_audit import report

        return getattr(report, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
