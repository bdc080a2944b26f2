"""Two sets of vectors of the same items: identities, closed forms, ir_measures."""

import ir_measures
import numpy as np
import pytest
from ir_measures import R, nDCG
from scipy.stats import ortho_group, wilcoxon

from embedding_audit.compare import compare
from embedding_audit.compare.alike import _kernel_alignment
from embedding_audit.compare.won import holm
from embedding_audit.matching import read_inputs
from paper_utils.errors import UsageError

N, D = 120, 24


def items(n=N, d=D, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(np.float32)


def named(rows, prefix="d"):
    return {f"{prefix}{i:03}": row for i, row in enumerate(rows)}


def judged(seed=1, noise=1.5):
    """Documents, queries near one of them each, and the judgements."""
    rng = np.random.default_rng(seed)
    documents = items(seed=seed)
    target = rng.permutation(N)[:40]
    queries = documents[target] + noise * rng.normal(size=(40, D)).astype(np.float32)
    qrels = {f"q{i:03}": {f"d{t:03}": 1, f"d{(t + 1) % N:03}": 2} for i, t in enumerate(target)}
    return documents, queries, qrels


def test_a_file_against_itself_changes_nothing():
    documents, queries, qrels = judged()
    inputs = read_inputs(named(documents), queries=named(queries, "q"), qrels=qrels)
    found = compare(inputs, inputs)
    value = {key.removeprefix("compare."): one.value for key, one in found.measures.items()}
    for key in ("overlap", "jaccard", "cosine", "cka", "judged_overlap"):
        assert value[key] == pytest.approx(1, abs=1e-6), key
    for key in ("moved_share", "ndcg_gain", "recall_gain", "won", "lost", "only_first"):
        assert value[key] == 0, key
    assert value["rows"] == N and value["moved_cosine"] is None
    assert [row["p"] for row in found.tests] == [1, 1]
    assert not found.moved_most and not found.queries_changed and not found.findings
    assert all(row["first"] == row["second"] for row in found.side_by_side)


def test_a_rotation_keeps_neighbours_and_similarities_and_loses_coordinates():
    rows = items()
    turned = rows @ ortho_group.rvs(D, random_state=0).astype(np.float32)
    found = compare(read_inputs(rows), read_inputs(turned)).measures
    assert found["compare.overlap"].value == pytest.approx(1, abs=1e-3)
    assert found["compare.cka"].value == pytest.approx(1, abs=1e-5)
    assert abs(found["compare.cosine"].value) < 0.2
    assert found["compare.moved_share"].value == 1


def test_other_columns_are_no_obstacle_and_strangers_are_called_so():
    rows = items()
    wide = np.concatenate([rows, np.zeros((N, 8), np.float32)], axis=1)
    found = compare(read_inputs(rows), read_inputs(wide)).measures
    assert found["compare.overlap"].value == pytest.approx(1)
    assert "24 and 32 columns" in found["compare.cosine"].reason
    strange = compare(read_inputs(rows), read_inputs(items(seed=9)))
    overlap, cka = (strange.measures[f"compare.{key}"] for key in ("overlap", "cka"))
    assert overlap.low < overlap.null["random"] == pytest.approx(10 / (N - 1))
    assert abs(cka.value) < 0.1 and abs(cka.null["shuffled"]) < 0.1
    assert [one.key for one in strange.findings] == ["compare.overlap"]


def test_the_kernel_alignment_is_that_of_the_formula():
    X, Y = items(30, 5, 1), items(30, 7, 2)
    Y[:, :3] += X[:, :3]
    X, Y = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X, Y))
    assert _kernel_alignment(X, Y, 0).value == pytest.approx(
        hsic(X, Y) / np.sqrt(hsic(X, X) * hsic(Y, Y)), rel=1e-5
    )


def hsic(X, Y):
    """Song et al. 2012, equation 5, up to the factor n (n - 3)."""
    K, L = (A @ A.T * (1 - np.eye(len(A))) for A in (X.astype(float), Y.astype(float)))
    n = len(K)
    one = np.ones(n)
    middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return np.trace(K @ L) + middle - 2 / (n - 2) * (one @ K @ L @ one)


def test_rows_go_by_id_whatever_their_order_and_what_has_no_partner_is_counted():
    rows = items()
    one = named(rows)
    other = named(rows)
    del other["d005"]
    other |= {"new": items(1)[0], "newer": items(1, seed=3)[0]}
    names = list(other)
    np.random.default_rng(0).shuffle(names)
    found = compare(read_inputs(one), read_inputs({name: other[name] for name in names}))
    value = {key: one.value for key, one in found.measures.items()}
    assert value["compare.overlap"] == pytest.approx(1)
    assert value["compare.rows"] == N - 1
    assert (value["compare.only_first"], value["compare.only_second"]) == (1, 2)
    assert found.match.by == "id `id`" and len(found.notes) == 2


def test_the_comparison_does_not_depend_on_the_order_of_the_rows():
    rows, moved = items(), items()
    moved[:30] = items(30, seed=7)
    order = np.random.default_rng(0).permutation(N)
    one = compare(read_inputs(rows), read_inputs(moved))
    other = compare(read_inputs(rows[order]), read_inputs(moved[order]))
    for name in ("value", "low", "high"):
        ends = [
            np.array([getattr(x, name) for x in side.measures.values()], dtype=float)
            for side in (one, other)
        ]
        assert ends[0] == pytest.approx(ends[1], rel=1e-6, nan_ok=True), name
    assert [order[row["row"]] for row in other.moved_most] == [r["row"] for r in one.moved_most]


@pytest.mark.parametrize("bad, says", [("count", "cannot be matched"), ("ids", "no id in common")])
def test_rows_that_cannot_be_matched_are_refused(bad, says):
    rows = items()
    pairs = {"count": (rows, rows[:-1]), "ids": (named(rows), named(rows, "x"))}[bad]
    with pytest.raises(UsageError, match=says):
        compare(*map(read_inputs, pairs))


def test_a_part_that_changed_is_found_and_named():
    rows = items(300, 64)
    for noise, word in ((0.3, "prefix"), (None, "another model")):
        stale = rows.copy()
        change = items(90, 64, 5)
        stale[:90] = change if noise is None else stale[:90] + noise * change
        found = compare(read_inputs(rows), read_inputs(stale))
        assert found.measures["compare.moved_share"].value == pytest.approx(0.3)
        assert [one.key for one in found.findings] == ["compare.moved_share"]
        assert word in found.findings[0].sentence
        assert all(row["row"] < 90 for row in found.moved_most[:3])


def test_judged_queries_are_those_of_ir_measures():
    documents, queries, qrels = judged()
    rng = np.random.default_rng(3)
    worse = documents + 1.5 * rng.normal(size=documents.shape).astype(np.float32)
    again = queries + 1.5 * rng.normal(size=queries.shape).astype(np.float32)
    one = read_inputs(named(documents), queries=named(queries, "q"), qrels=qrels)
    other = read_inputs(named(worse), queries=named(again, "q"))
    found = compare(one, other)
    for row, measure in zip(found.tests, (nDCG @ 10, R @ 10), strict=True):
        sides = [
            per_query(*side, qrels, measure) for side in ((queries, documents), (again, worse))
        ]
        gain = sides[1] - sides[0]
        assert row["first"] == pytest.approx(sides[0].mean())
        assert row["second"] == pytest.approx(sides[1].mean())
        assert row["difference"] == pytest.approx(gain.mean())
        assert row["won"] + row["lost"] + row["tied"] == 40
        assert (row["won"], row["lost"]) == ((gain > 1e-9).sum(), (gain < -1e-9).sum())
        assert row["low"] < row["difference"] < row["high"] < 0
    won, lost = (found.measures[f"compare.{key}"].value for key in ("won", "lost"))
    assert (won, lost) == (found.tests[0]["won"], found.tests[0]["lost"])
    # Another test of the same hypothesis agrees on a clear case.
    assert found.tests[0]["p_holm"] < 0.01 and wilcoxon(gain).pvalue < 0.05
    assert [one.key for one in found.findings] == ["compare.ndcg_gain"]
    assert found.queries_changed[0]["second"] < found.queries_changed[0]["first"]


def per_query(queries, documents, qrels, measure):
    Q, X = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (queries, documents))
    run = {
        f"q{i:03}": {f"d{j:03}": float(s) for j, s in enumerate(line)}
        for i, line in enumerate(Q @ X.T)
    }
    found = ir_measures.iter_calc([measure], qrels, run)
    return np.array([one.value for one in sorted(found, key=lambda one: one.query_id)])


def test_without_the_other_models_queries_the_judged_part_is_not_measured():
    documents, queries, qrels = judged()
    one = read_inputs(named(documents), queries=named(queries, "q"), qrels=qrels)
    found = compare(one, read_inputs(named(documents)))
    assert "--against-queries" in found.measures["compare.ndcg_gain"].reason
    assert found.measures["compare.overlap"].value == pytest.approx(1)
    lone = compare(read_inputs(documents), read_inputs(documents))
    assert lone.measures["compare.won"].reason == "no judgements"


def test_holm_agrees_with_statsmodels():
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    p = np.random.default_rng(0).random(7) ** 3
    ours = holm(dict(zip("abcdefg", p, strict=True)))
    assert list(ours.values()) == pytest.approx(list(multipletests(p, method="holm")[1]))
