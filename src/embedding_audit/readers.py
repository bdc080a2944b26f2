"""Old names of what reading/ holds, until all who use them have moved."""

from embedding_audit.reading import ID_NAMES, Mapped, Vectors, reason, shown
from embedding_audit.reading import existing as _existing

__all__ = ["ID_NAMES", "Mapped", "Vectors", "existing", "reason", "shown"]


def existing(path, kinds):
    """Return a path that is a file; its kind is told by content now."""
    return _existing(path)
