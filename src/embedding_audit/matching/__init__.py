"""Vectors, texts and judgements, brought into one order; how they were matched is recorded."""

from __future__ import annotations

from embedding_audit.matching.inputs import read_inputs

__all__ = ["read_inputs"]
