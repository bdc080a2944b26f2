"""Do all vectors come from one encoder, and what changes with other vectors of the same items?"""

from embedding_audit.compare.against import Comparison, compare
from embedding_audit.compare.encoding import find_encodings
from embedding_audit.compare.findings import belonging_findings
from embedding_audit.compare.mixture import find_mixture

__all__ = ["Comparison", "belonging_findings", "compare", "find_encodings", "find_mixture"]
