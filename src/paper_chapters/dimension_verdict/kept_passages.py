"""The measurement of `kept_numbers` on passages: 500 of SciFact's documents."""

from __future__ import annotations

from paper_chapters.dimension_verdict.kept_numbers import FOREIGN, TOLERANCE, kept_numbers
from paper_utils.data.judged import judged_checksums
from paper_utils.results import experiment

experiment(
    "dimension-numbers-passages",
    "As dimension-numbers, on 500 of SciFact's documents, judged ones first: token ids and MiniLM",
    tasks=lambda: [{"source": "scifact-500", "reader": reader} for reader in ("ids", "minilm")],
    data=lambda: judged_checksums("scifact") | judged_checksums(FOREIGN),
    tolerance=TOLERANCE,
    kinds=("reader",),
)(kept_numbers)
