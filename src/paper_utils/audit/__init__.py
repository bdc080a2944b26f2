"""The audit: which limits the embeddings of an index meet, how badly, and what would help."""

from __future__ import annotations

from paper_utils.audit.cluster import workers
from paper_utils.audit.inputs import read_inputs
from paper_utils.audit.measure import Measure
from paper_utils.audit.readers import open_vectors
from paper_utils.audit.report import Report, audit, measures_in

__all__ = ["Measure", "Report", "audit", "measures_in", "open_vectors", "read_inputs", "workers"]
