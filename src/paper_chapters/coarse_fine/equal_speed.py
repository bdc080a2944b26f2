"""What a query costs: a word index, two vectors, token vectors, and reading both texts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray

from paper_chapters.coarse_fine.arms import ARMS, Arm, max_sim
from paper_chapters.coarse_fine.equal_reranking import DEPTHS, RERANKED, first_stage
from paper_chapters.coarse_fine.judged_lists import GradedTitles, graded_titles
from paper_utils.data.judged import judged_checksums
from paper_utils.results import Tolerance, experiment
from paper_utils.search.bm25 import BM25
from paper_utils.search.tokenizer import WordTokenizer

WORDS = "BM25"
N_QUERIES = 10
ROUNDS = 3


@experiment(
    "equal-speed",
    "Processor time a query of each arm: the query's vector, and reading its first titles",
    tasks=lambda: [{"arm": arm} for arm in (WORDS, *ARMS)],
    data=lambda: judged_checksums(RERANKED),
    tolerance=Tolerance(unchecked=("ms",), why="Times are of the processor they were taken on."),
)
def speed_row(arm: str) -> dict[str, Any]:
    """Return ``ms`` of processor time a query by number of titles read, with the titles' vectors
    made before for two towers and late interaction; of BM25 a search of the whole set.
    """
    data = graded_titles(RERANKED)
    rows = data.rows("test")[:N_QUERIES]
    if arm == WORDS:
        index = BM25(tokenizer=WordTokenizer(stemmer="english")).fit(data.titles)
        queries = [data.queries[row] for row in rows]
        whole = least_ms(lambda: [index.search([query], max(DEPTHS)) for query in queries])
        return {"ms": dict.fromkeys(map(str, DEPTHS), whole)}
    first = first_stage(data, rows)
    model = Arm(arm).eval()
    with torch.inference_mode():
        return {
            "ms": {str(depth): _arm_ms(model, data, rows, first[:, :depth]) for depth in DEPTHS}
        }


def least_ms(work: Callable[[], Any]) -> float:
    """Return the least processor time a query of `ROUNDS` rounds of `N_QUERIES`, in ms."""
    took = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        took.append(time.process_time() - start)
    return round(1000 * min(took) / N_QUERIES, 2)


def _arm_ms(model: Arm, data: GradedTitles, rows: NDArray, first: NDArray) -> float:
    lists = [[data.titles[t] for t in row] for row in first]
    kept = [None if model.kind == ARMS[-1] else model.encode(titles, side=1) for titles in lists]

    def work() -> None:
        for row, titles, vectors in zip(rows, lists, kept, strict=True):
            one_query(model, data.queries[row], titles, vectors)

    return least_ms(work)


def one_query(model: Arm, query: str, titles: list[str], vectors: Any) -> Any:
    """Score the titles of one query; `vectors` are theirs, None where each pair is read."""
    if vectors is None:
        return model.read([query] * len(titles), titles)
    mine = model.encode([query], side=0)
    return vectors @ mine[0] if model.kind == "two towers" else max_sim(mine, vectors)
