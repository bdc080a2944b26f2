"""NUMEN's engine beside its peers on the replica of LIMIT: speed, peak memory, equality.

``python benchmarks/numen.py`` (alone on the machine; PAPER_DATA names the released data). Every
system runs in a process of its own. The loop is the method written out as its authors describe
it; it is timed on a sample of the documents, and its search, a dense product, scaled up from it.
``--dims`` also runs all dimensions of the published table and 2**20, with their recall.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable

import numpy as np

from paper_utils import HashedNgrams, LimitData, limit_replica, ranks_from_lists, recall_at_k

D, K = 32_768, 100
SIZES, WEIGHTS = (3, 4, 5), (1, 5, 10)
DIMS = (512, 1024, 2048, 4096, 8192, 16_384, 32_768, 1 << 20)
SAMPLE, FEW = 2000, 20
# A system is timed again while it took less than this, and the best of at most three counts.
_SECONDS = 8.0


def loop_vector(text: str, d: int) -> np.ndarray:
    """Return NUMEN's vector by the plain loop."""
    sums: dict[int, int] = {}
    for word in text.lower().split():
        word = f"^{word}$"
        for size, weight in zip(SIZES, WEIGHTS, strict=True):
            for start in range(len(word) - size + 1):
                bucket = zlib.crc32(word[start : start + size].encode()) % d
                sums[bucket] = sums.get(bucket, 0) + weight
    vector = np.zeros(d, dtype=np.float32)
    vector[list(sums)] = np.log1p(list(sums.values()))
    return vector / max(np.linalg.norm(vector), 1e-12)


def best(call: Callable[[], object]) -> tuple[object, float, float]:
    """Return what `call` gives, its least wall time and the processor time of that run."""
    times, began = [], time.perf_counter()
    while len(times) < 3 and time.perf_counter() - began < _SECONDS:
        outcome = None  # of two indexes the memory would be none that anybody needs
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = call()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return outcome, *min(times)


def loop(data: LimitData) -> dict:
    """Time the plain loop on a sample."""
    documents, queries = data.documents[:SAMPLE], data.queries[:FEW]
    matrix = np.empty((SAMPLE, D), dtype=np.float32)

    def index() -> None:
        for row, text in enumerate(documents):
            matrix[row] = loop_vector(text, D)

    def search() -> None:
        for query in queries:
            np.argsort(-(matrix @ loop_vector(query, D)))[:K]

    _, wall, cpu = best(index)
    _, search_wall, search_cpu = best(search)
    scale = len(data.documents) / SAMPLE
    return row(SAMPLE, wall, cpu, FEW / scale, search_wall, search_cpu)


def engine(data: LimitData) -> dict:
    """Time the package's engine, compare it with the loop, and say how much it reads."""
    HashedNgrams(D).fit(data.documents[:100]).search(data.queries[:10], 5)  # compiles
    index, wall, cpu = best(lambda: HashedNgrams(D).fit(data.documents))
    (found, scores), search_wall, search_cpu = best(lambda: index.search(data.queries, K))
    peak = peak_mib()  # before what only the comparison needs
    some = range(0, len(data.queries), 50)
    loops = [
        [loop_vector(data.documents[doc], D) @ loop_vector(data.queries[q], D) for doc in found[q]]
        for q in some
    ]
    every, read = index.postings_read(data.queries)
    _, split, _ = best(lambda: [text.lower().split() for text in data.documents])
    block = np.zeros(1 << 24, dtype=np.uint32)
    _, copied, _ = best(lambda: block.copy())
    return row(len(data.documents), wall, cpu, len(data.queries), search_wall, search_cpu) | {
        "peak": peak,
        "difference": float(np.abs(scores[list(some)] - loops).max()),
        "index_mib": index.nbytes / 2**20,
        "postings": [every / 1e6, read / 1e6],
        "copy_s": copied * read / len(block),
        "split_s": split,
        "fit_s": wall,
        "search_s": search_wall,
    }


def sklearn(data: LimitData) -> dict:
    """Time scikit-learn's nearest setting: other hash, no weights, no logarithm."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectoriser = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), n_features=D, alternate_sign=False
    )
    matrix, wall, cpu = best(lambda: vectoriser.transform(data.documents))
    few = data.queries[:200]

    def search() -> None:
        for start in range(0, len(few), 50):
            scores = (vectoriser.transform(few[start : start + 50]) @ matrix.T).toarray()
            np.argpartition(-scores, K, axis=1)[:, :K]

    _, search_wall, search_cpu = best(search)
    return row(len(data.documents), wall, cpu, len(few), search_wall, search_cpu)


def bm25s_with(backend: str) -> Callable[[LimitData], dict]:
    """Return a function that times bm25s with a backend."""

    def run(data: LimitData) -> dict:
        import bm25s
        import Stemmer

        stemmer = Stemmer.Stemmer("english")
        options = {"stopwords": "en", "stemmer": stemmer, "show_progress": False}

        def fit() -> bm25s.BM25:
            index = bm25s.BM25(backend=backend)
            index.index(bm25s.tokenize(list(data.documents), **options), show_progress=False)
            return index

        index, wall, cpu = best(fit)

        def search() -> None:
            tokens = bm25s.tokenize(list(data.queries), **options)
            index.retrieve(tokens, k=K, show_progress=False)

        search()  # compiles
        _, search_wall, search_cpu = best(search)
        return row(len(data.documents), wall, cpu, len(data.queries), search_wall, search_cpu)

    return run


def rank_bm25(data: LimitData) -> dict:
    """Time rank-bm25, on few queries."""
    from rank_bm25 import BM25Okapi

    index, wall, cpu = best(lambda: BM25Okapi([text.lower().split() for text in data.documents]))

    def search() -> None:
        for query in data.queries[:FEW]:
            np.argsort(-index.get_scores(query.lower().split()))[:K]

    _, search_wall, search_cpu = best(search)
    return row(len(data.documents), wall, cpu, FEW, search_wall, search_cpu)


def all_dims(data: LimitData) -> dict:
    """Index, search and recall at every dimension of the table and without collisions."""
    began, table = time.perf_counter(), {}
    for d in DIMS:
        found, scores = HashedNgrams(d).fit(data.documents).search(data.queries, 150)
        ranks = ranks_from_lists(found, data.qrels, scores=scores)
        table[d] = [round(100 * float(recall_at_k(ranks, k).mean()), 2) for k in (2, 10, 100)]
    return {"seconds": time.perf_counter() - began, "recall": table}


SYSTEMS: dict[str, Callable[[LimitData], dict]] = {
    "loop": loop,
    "scikit-learn": sklearn,
    "HashedNgrams": engine,
    "bm25s, numpy": bm25s_with("numpy"),
    "bm25s, numba": bm25s_with("numba"),
    "rank-bm25": rank_bm25,
    "all dimensions": all_dims,
}


def row(n_docs, wall, cpu, n_queries, search_wall, search_cpu) -> dict:
    """Return rates by wall time and by processor time."""
    return {
        "docs": n_docs / wall,
        "queries": n_queries / search_wall,
        "docs_cpu": n_docs / cpu,
        "queries_cpu": n_queries / search_cpu,
    }


def peak_mib() -> float:
    """Return the largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def run_apart(system: str) -> dict:
    """Run one system in a process of its own and return what it reports, or its `error`."""
    command = [sys.executable, __file__, "--system", system]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode:
        return {"error": outcome.stderr.strip().splitlines()[-1]}
    return json.loads(outcome.stdout.splitlines()[-1])


def main() -> None:
    """Print one row per system, then what was compared and read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dims", action="store_true", help="also all eight dimensions")
    parser.add_argument("--system", choices=SYSTEMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.system:
        report = SYSTEMS[options.system](limit_replica())
        report.setdefault("peak", peak_mib())
        sys.stdout.write(json.dumps(report) + "\n")
        return
    line = "{:14} {:>12} {:>7} {:>9} {:>12} {:>7} {:>9} {:>9}\n"
    sys.stdout.write(
        line.format(
            "", "documents/s", "ratio", "by CPU", "queries/s", "ratio", "by CPU", "peak MiB"
        )
    )
    reports = {}
    for name in list(SYSTEMS)[:-1]:
        reports[name] = new = run_apart(name)
        if "error" in new:  # a peer that is not installed, say: pip install -e '.[bench]'
            sys.stdout.write(f"{name:14} {new['error']}\n")
            if name in ("loop", "HashedNgrams"):
                sys.exit(1)
            continue
        base = reports["loop"]
        ratios = [new[key] / base[key] for key in ("docs", "docs_cpu", "queries", "queries_cpu")]
        sys.stdout.write(
            line.format(
                name, f"{new['docs']:,.0f}", f"{ratios[0]:,.1f}", f"{ratios[1]:,.1f}",
                f"{new['queries']:,.1f}", f"{ratios[2]:,.1f}", f"{ratios[3]:,.1f}",
                f"{new['peak']:,.0f}",
            )
        )  # fmt: skip
        sys.stdout.flush()
    own = reports["HashedNgrams"]
    every, read = own["postings"]
    sys.stdout.write(
        f"HashedNgrams: within {own['difference']:.1e} of the loop; index {own['index_mib']:,.0f} "
        f"MiB; {every:,.0f} million postings behind the queries, {read:,.0f} million read; "
        f"search {own['search_s']:.2f} s, copying as many bytes {own['copy_s']:.2f} s; "
        f"index {own['fit_s']:.2f} s, str.split alone {own['split_s']:.2f} s\n"
    )
    if options.dims:
        total = run_apart("all dimensions")
        if "error" in total:
            sys.exit(f"eight dimensions: {total['error']}")
        sys.stdout.write(f"eight dimensions: {total['seconds']:.1f} s, {total['peak']:,.0f} MiB\n")
        for d, recall in total["recall"].items():
            sys.stdout.write(f"  {int(d):>9,}  {recall}\n")


if __name__ == "__main__":
    main()
