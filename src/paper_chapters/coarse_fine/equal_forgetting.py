"""What training on judged titles does elsewhere: search on other sets, and vectors' geometry."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from paper_chapters.coarse_fine.equal_reranking import final_arm, tower_vectors
from paper_chapters.coarse_fine.equal_training import BUDGETS, TRAINING
from paper_chapters.coarse_fine.judged_lists import graded_titles
from paper_utils.data.judged import judged_checksums, load_judged
from paper_utils.geometry.cosine import cosine_moments
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.hubness import k_occurrence
from paper_utils.limit.collection import named_collection
from paper_utils.panel.search import search_values
from paper_utils.results import experiment

FORGETTING = ("scifact", "xquad-r-en", "limit-small")
SAMPLE = 5_000  #: titles whose vectors are measured


@experiment(
    "equal-forgetting",
    "Two towers before and after training on judged titles: other sets, and the vectors' geometry",
    tasks=lambda: [{"set": trained, "seen": name} for name in BUDGETS for trained in (None, name)],
    data=lambda: judged_checksums("homedepot") | judged_checksums("crowdflower"),
    tolerance=TRAINING,
)
def forgetting_row(set: str | None, seen: str) -> dict[str, Any]:
    """Return ``search`` by query on `FORGETTING`, nDCG@10 or on LIMIT-small recall@2, and
    ``geometry`` of `SAMPLE` titles of `seen`, of the towers trained on `set`; of the backbone with
    None.
    """
    name = set or "homedepot"
    model = final_arm(name, "two towers", trained=set is not None)
    found = {}
    for other in FORGETTING:
        data = named_collection(other) if other == "limit-small" else load_judged(other)
        queries, documents = (
            tower_vectors(model, texts, side)
            for side, texts in enumerate((data.queries, data.documents))
        )
        values = search_values(lambda rows, V=queries, U=documents: V[rows] @ U.T, data.qrels)
        measure = "recall_2" if other == "limit-small" else "ndcg_10"
        found[other] = values[measure].round(4).tolist()
    titles = graded_titles(seen).titles
    some = titles[:: max(1, len(titles) // SAMPLE)][:SAMPLE]
    return {"search": found, "geometry": geometry(tower_vectors(model, some, 1))}


def geometry(U: NDArray) -> dict[str, float]:
    """Return mean cosine, effective dimension and hub skewness of unit vectors."""
    return {
        "mean cosine": round(cosine_moments(U).mean, 5),
        "effective dimension": round(effective_dimension(U, "unbiased").value, 3),
        "skewness": round(k_occurrence(U, k=10).skewness, 4),
    }
