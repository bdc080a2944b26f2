"""The old name of what reading/ holds, until all who use it have moved."""

from embedding_audit.reading import open_vectors

__all__ = ["open_vectors"]
