"""The audit: which limits the embeddings of an index meet, how badly, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paper_utils.audit.inputs import read_inputs
from paper_utils.audit.measure import Measure

if TYPE_CHECKING:
    from paper_utils.audit.report import Report, audit

__all__ = ["Measure", "Report", "audit", "read_inputs"]


def __getattr__(name: str) -> Any:
    # What measures imports torch and scipy; the command checks its files without them.
    if name in ("Report", "audit"):
        from paper_utils.audit import report

        return getattr(report, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
