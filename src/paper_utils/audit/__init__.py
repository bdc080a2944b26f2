"""The audit: which limits the embeddings of an index meet, how badly, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paper_utils.audit.cluster import workers
from paper_utils.audit.formats import open_vectors
from paper_utils.audit.inputs import read_inputs
from paper_utils.audit.measure import Measure

if TYPE_CHECKING:
    from paper_utils.audit.report import Report, audit, measures_in

__all__ = ["Measure", "Report", "audit", "measures_in", "open_vectors", "read_inputs", "workers"]


def __getattr__(name: str) -> Any:
    # What measures imports torch and scipy; the command checks its files without them.
    if name in ("Report", "audit", "measures_in"):
        from paper_utils.audit import report

        return getattr(report, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
