"""What judged queries say: quality, what would raise it, and where it fails."""

from embedding_audit.judged.entry import Quality, quality

__all__ = ["Quality", "quality"]
