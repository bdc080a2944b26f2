"""The measurement of `kept_numbers` on sentences, passages and more documents; by e5, too."""

from __future__ import annotations

from paper_chapters.dimension_verdict.kept_numbers import FOREIGN, TOLERANCE, kept_numbers
from paper_utils.data.judged import judged_checksums
from paper_utils.limit.data import released_checksums
from paper_utils.results import experiment

experiment(
    "dimension-numbers-sentences",
    "As dimension-numbers, on the English sentences of XQuAD-R, every fourth query",
    tasks=lambda: [{"source": "xquad-r-en", "reader": reader} for reader in ("ids", "minilm")],
    data=lambda: judged_checksums("xquad-r-en") | judged_checksums(FOREIGN),
    tolerance=TOLERANCE,
    kinds=("reader",),
)(kept_numbers)

experiment(
    "dimension-numbers-more",
    "As dimension-numbers, on 500 documents of SciFact, on 2,000 of LIMIT's replica, and by e5",
    tasks=lambda: [
        *({"source": "scifact-500", "reader": reader} for reader in ("ids", "minilm")),
        {"source": "replica-2000", "reader": "ids"},
        *({"source": source, "reader": "me5-small"} for source in ("limit-small", "xquad-r-en")),
    ],
    data=lambda: (
        released_checksums()
        | judged_checksums("scifact")
        | judged_checksums("xquad-r-en")
        | judged_checksums(FOREIGN)
    ),
    tolerance=TOLERANCE,
    kinds=("reader", "source"),
)(kept_numbers)
