"""The audit: how well the vectors of an index retrieve, what is wrong, and what would help."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedding_audit.matching import read_inputs
    from embedding_audit.measure import Measure
    from embedding_audit.report import Report, audit

__all__ = ["Measure", "Report", "audit", "read_inputs"]

_HOMES = {"Measure": "measure", "Report": "report", "audit": "report", "read_inputs": "matching"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: `embedding-audit --help` needs none of it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"embedding_audit.{_HOMES[name]}"), name)
