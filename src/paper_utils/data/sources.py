"""Where data sets come from, where they lie on this machine, and how a download is checked."""

from __future__ import annotations

import os
from pathlib import Path

from paper_utils.errors import UsageError


def require_file(dataset: str, filename: str) -> Path:
    folder = os.environ.get("PAPER_DATA")
    file = Path(folder or ".", dataset, filename)
    if not folder or not file.is_file():
        raise UsageError(f"{dataset} is not here: set PAPER_DATA")
    return file
