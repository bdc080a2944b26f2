"""Measures of the audit against the book's own functions, closed forms and nulls."""

from __future__ import annotations

import json
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from embedding_audit import audit, controls, neighbours, overlap
from embedding_audit.cloud import cloud as clouds
from embedding_audit.inputs import Inputs, read_inputs
from embedding_audit.measure import (
    Measure,
    from_jackknife,
    measures_in,
    median_of,
    not_measured,
    share_of,
)
from embedding_audit.cloud.moments import (
    Moments,
    cosine_statistics,
    grouped,
    merged,
    spectral_dimensions,
    trace_dimensions,
    with_intervals,
)
from embedding_audit.cloud.neighbours import (
    counts_of,
    hub_measures,
    nearest,
    two_nearest_dimension,
    with_duplicates,
)
from embedding_audit.cloud.points import Centred, FilePoints, Gaussian, InMemoryPoints, Shuffled
from embedding_audit.reading.vectors import Vectors
from embedding_audit.report import Report
from embedding_audit.cloud.scan import scan
from embedding_audit.show import sentences
from embedding_audit.cloud.slices import labels_of
from embedding_audit.subwords import subword_measures
from embedding_audit.words import sentence
from paper_chapters.topk_stability.exact_cosines import cosine_matrix
from paper_chapters.topk_stability.title_stability import perturbed_scores
from paper_utils.checks import unit_rows
from paper_utils.claims import load_claims
from paper_utils.claims.remedies import advice_table, measure_table, parse_advice
from paper_utils.errors import PaperError
from paper_utils.geometry.cosine import centre, cosine_moments
from paper_utils.geometry.dimension import effective_dimension
from paper_utils.geometry.hubness import k_occurrence
from paper_utils.geometry.stability import rank_margin, topk_overlap
from paper_utils.search.metrics import recall_at_k
from paper_utils.search.ranks import ranks_from_scores


def cloud(n=500, d=16, seed=0, duplicates=40):
    """Return rows with a mean, a spectrum, equal rows and rows of equal direction."""
    rows = np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(1, 3, d) + 1
    if duplicates:
        rows[100 : 100 + duplicates] = 2 * rows[0]
        rows[300] = rows[7]
    return rows.astype(np.float32)


def scanned(rows):
    """Return vectors and their scan."""
    vectors = Vectors("rows", "encoder", rows)
    return vectors, scan(vectors)


# ---------------------------------------------------------------------------- moments


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(1, 6),
    st.lists(st.integers(0, 40), max_size=5),
    st.floats(-1e6, 1e6),
    st.integers(0, 99),
)
def test_moments_merge_in_any_cut_and_come_apart_again(n, d, cuts, shift, seed):
    rows = np.random.default_rng(seed).normal(size=(n, d)) + shift
    parts = [Moments.of(part) for part in np.split(rows, sorted(min(cut, n) for cut in cuts))]
    whole, together = Moments.of(rows), merged(parts)
    close = {"rtol": 1e-9, "atol": 1e-6 * max(1, abs(shift)) * 1e-6 * n}
    assert together.n == n
    assert np.allclose(together.mean, rows.mean(axis=0))
    assert np.allclose(together.scatter, whole.scatter, **close)
    rest = whole.without(parts[0])
    assert rest.n == n - parts[0].n
    if rest.n:
        assert np.allclose(rest.scatter, Moments.of(rows[parts[0].n :]).scatter, **close)


def test_cosines_and_dimensions_are_those_of_the_book():
    rows = cloud()
    _, found = scanned(rows)
    unit, moments = unit_rows(rows), merged(found.groups)
    book, mine = cosine_moments(rows), cosine_statistics(moments)
    for name, key in (("mean", "mean"), ("var", "variance"), ("mu2", "mu2"), ("cross", "cross")):
        assert mine[key] == pytest.approx(getattr(book, name), rel=1e-10)
    assert mine["spectral"] == pytest.approx(book.spectral, rel=1e-10)
    assert mine["inverse_d_eff"] == pytest.approx(1 / book.d_c, rel=1e-10)
    dims = trace_dimensions(moments) | spectral_dimensions(moments)
    for name in ("participation", "unbiased", "effective-rank", "stable-rank", "components-90"):
        want = effective_dimension(unit, name).value
        assert dims[name.replace("-", "_")] == pytest.approx(want, rel=1e-9), name
    assert dims["rankme"] == pytest.approx(effective_dimension(unit, "rankme").value, rel=1e-4)


def test_intervals_of_left_out_groups_are_those_of_the_jackknife_of_rows():
    rows = cloud(n=2000, duplicates=0)
    _, found = scanned(rows)
    book = cosine_moments(rows)
    mine = with_intervals(found.groups, cosine_statistics)["mean"]
    assert (mine.high - mine.low) / 2 == pytest.approx(2.09 * book.se_mean, rel=0.4)


def test_intervals_cover_the_truth_as_often_as_they_say():
    inside = 0
    for seed in range(60):
        rows = unit_rows(np.random.default_rng(seed).normal(size=(400, 20)))
        parts = grouped(rows, np.arange(400), 20)
        one = with_intervals(parts, trace_dimensions)["unbiased"]
        inside += one.low <= 20 <= one.high
    assert inside >= 51  # of 60 at 95%: below with probability 0.003


def test_a_jackknife_of_a_mean_is_the_usual_standard_error():
    x = np.random.default_rng(0).normal(size=100)
    left = [float(np.delete(x, i).mean()) for i in range(100)]
    one = from_jackknife(float(x.mean()), left, 100)
    assert (one.high - one.low) / 2 == pytest.approx(1.984 * x.std(ddof=1) / 10, rel=1e-3)


# ------------------------------------------------------------------------- neighbours


@pytest.mark.parametrize(("block", "chunk"), [(65_536, 2_048), (64, 50), (7, 1000)])
def test_neighbours_do_not_depend_on_blocks(monkeypatch, block, chunk):
    rows = cloud()
    vectors, found = scanned(rows)
    monkeypatch.setattr(neighbours, "BLOCK", block)
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    points = FilePoints(vectors, found.used[found.first])
    lists = nearest(points, np.arange(points.n), 10)
    book = k_occurrence(rows, 10)
    assert np.array_equal(counts_of(lists), book.counts)
    measured = hub_measures(lists)
    assert measured["skewness"].value == pytest.approx(book.skewness, rel=1e-9)
    assert measured["antihubs"].value == book.antihubs
    assert measured["robin_hood"].value == pytest.approx(book.robin_hood)
    kept = with_duplicates(lists, found.point_of_row)
    want = k_occurrence(rows, 10, duplicates="keep")
    assert np.array_equal(counts_of(kept), want.counts)


def test_a_row_never_finds_itself_and_equal_scores_go_by_number():
    points = InMemoryPoints(np.eye(4, dtype=np.float32).repeat(3, axis=0))
    lists = nearest(points, np.arange(12), 4)
    assert not (lists.indices == lists.queries[:, None]).any()
    assert lists.indices[0].tolist() == [1, 2, 3, 4]


def test_the_skewness_of_a_sample_has_hardly_a_bias():
    points = InMemoryPoints(controls.hubby_cloud(1000, 64, 0))
    exact, estimates = controls.sampled_skewness(points, 250)
    error = estimates.std(ddof=1) / len(estimates) ** 0.5
    assert error < 0.02 * exact
    assert abs(estimates.mean() / exact - 1) < 0.05


def test_factorial_moments_of_a_thinned_count_are_exact_on_average():
    rng = np.random.default_rng(0)
    counts = np.array([[0, 3, 7, 1], [2, 0, 5, 4]])  # by group of queries; points in columns
    occurrences = np.repeat(np.arange(4), counts.sum(axis=0))
    m, total = 12, len(occurrences)
    sums = np.zeros(3)
    draws = 4000
    for _ in range(draws):
        c = np.bincount(rng.choice(occurrences, m, replace=False), minlength=4)
        sums += [c.sum(), (c * (c - 1)).sum(), (c * (c - 1) * (c - 2)).sum()]
    whole = np.bincount(occurrences)
    want = [whole.sum(), (whole * (whole - 1)).sum(), (whole * (whole - 1) * (whole - 2)).sum()]
    scale = np.cumprod([(total - r) / (m - r) for r in range(3)])
    assert sums / draws * scale == pytest.approx(want, rel=0.05)


def test_the_two_nearest_dimension_is_that_of_the_book():
    points = InMemoryPoints(unit_rows(cloud(duplicates=0)).astype(np.float32))
    lists = nearest(points, np.arange(points.n), 10)
    want = effective_dimension(points.rows, "twonn").value
    assert two_nearest_dimension(points, lists).value == pytest.approx(want, rel=1e-6)


# ------------------------------------------------------------------------------ points


def test_points_of_a_file_are_the_rows_that_are_kept(tmp_path):
    rows = cloud(n=301)[:300]
    np.save(tmp_path / "a.npy", rows)
    from embedding_audit.reading import open_vectors

    vectors = open_vectors(tmp_path / "a.npy")
    kept = np.array([0, 5, 6, 100, 299])
    points = FilePoints(vectors, kept)
    want = unit_rows(rows[kept]).astype(np.float32)
    assert np.array_equal(points.block(0, 5), want)
    assert np.array_equal(points.block(1, 4), want[1:4])
    assert np.array_equal(points.take(np.array([3, 0, 3])), want[[3, 0, 3]])
    mean = unit_rows(rows).mean(axis=0)
    centred = Centred(InMemoryPoints(unit_rows(rows).astype(np.float32)), mean)
    assert np.allclose(centred.block(0, 300), centre(rows), atol=1e-5)


def test_nulls_have_the_moments_that_they_should():
    rows = unit_rows(cloud(n=4000, duplicates=0))
    moments = Moments.of(rows)
    null = Gaussian.like(moments, 20_000, 0)
    assert np.array_equal(null.block(3, 9000)[:5], null.block(0, 8)[3:])  # blocks fit together
    shuffled = Shuffled.like(InMemoryPoints(rows.astype(np.float32)), 4000, 0)
    block = shuffled.pool
    for column in (0, 7):
        assert np.allclose(np.sort(block[:, column]), np.sort(rows[:, column]), atol=1e-6)
    assert not np.allclose(block, rows, atol=1e-3)
    raw = np.random.default_rng(0).normal(size=(20_000, 16)) @ null.root + null.mean
    assert np.allclose(np.cov(raw.T), moments.scatter / 4000, atol=0.004)


# -------------------------------------------------------------------------- overlap


@pytest.mark.parametrize("block", [16_384, 130])
def test_overlaps_are_those_of_full_scores(monkeypatch, block):
    monkeypatch.setattr(overlap, "BLOCK", block)
    monkeypatch.setattr(overlap, "_TASK", 4 * block)
    X = unit_rows(cloud(n=900, d=32, duplicates=300)).astype(np.float32)
    Q = unit_rows(cloud(n=50, d=32, seed=1, duplicates=0) + X[0]).astype(np.float32)
    names = overlap.applicable(32)
    ones = np.ones(900, np.float32)
    setting = overlap.Setting(Q, np.full(50, -1), names, X.min(axis=0), X.max(axis=0), ones, 48, 0)
    found = overlap.overlaps(InMemoryPoints(X), setting, 10)
    exact = cosine_matrix(Q, X)
    by_name = {name: scores for name, _, scores in perturbed_scores(Q, X, k=10)}
    pairs = {"bfloat16": "bfloat16", "int8": "int8", "binary": "one bit", "half": "first 1/2"}
    pairs["eighth"] = "first 1/8"
    for mine, theirs in pairs.items():
        want = topk_overlap(exact, by_name[theirs], 10).overlap.mean()
        assert found[mine].value == pytest.approx(want, abs=1e-9), mine
    assert found["dot"].value == 1
    assert found["margin"].value == pytest.approx(np.median(rank_margin(exact, 10)), abs=1e-6)
    assert found["tied"].value == (rank_margin(exact, 10) == 0).mean() > 0
    signs = [np.where(A > 0, 1, -1).astype(np.int64) for A in (Q, X)]
    hamming = topk_overlap(exact, (signs[0] @ signs[1].T).astype(float), 10).overlap.mean()
    assert found["hamming"].value == pytest.approx(hamming, abs=1e-9)


@given(
    arrays(np.int64, (3, 12), elements=st.integers(0, 4)),
    arrays(np.int64, (3, 12), elements=st.integers(0, 4)),
    st.integers(1, 11),
)
def test_the_overlap_of_all_queries_at_once_is_that_of_each(before, after, k):
    want = topk_overlap(before, after, k).overlap
    assert overlap.expected_overlap(before, after, k) == pytest.approx(want, abs=1e-12)


def test_rows_that_are_queries_do_not_find_themselves():
    X = unit_rows(cloud(n=200, duplicates=0)).astype(np.float32)
    own = np.arange(40)
    ones = np.ones(200, np.float32)
    setting = overlap.Setting(X[:40], own, ("int8",), X.min(0), X.max(0), ones, 48, 0)
    found = overlap.overlaps(InMemoryPoints(X), setting, 5)
    exact = cosine_matrix(X[:40], X)
    exact[own, own] = -2
    assert found["margin"].value == pytest.approx(np.median(rank_margin(exact, 5)), abs=1e-6)


# ------------------------------------------------------------------------------ report


@pytest.fixture(scope="module")
def report():
    """The audit of the built-in catalogue, untrained."""
    return audit(read_inputs(model="random", n_items=200))


def test_every_measure_has_a_sentence_and_a_place_in_the_json(report, tmp_path):
    content = json.loads(report.write(tmp_path / "report.json").read_text())
    assert content["schema_version"] == 1
    again = measures_in({k: v for k, v in content.items() if k != "slices"})
    assert again == report.measures
    for key, one in report.measures.items():
        assert one.sentence.endswith(".") and len(one.sentence) > 10, key
        if one.value is None:
            assert one.reason, key
        elif one.low is not None:
            assert one.low <= one.value <= one.high, key


GROUPS = {
    "rows", "norms", "cosine", "dimension", "hubness", "stability", "slices_summary",
    "fragmentation", "relevance",
}  # fmt: skip


def test_keys_are_those_that_are_documented(report):
    assert {key.split(".")[0] for key in report.measures} == GROUPS
    for row in advice_table():
        for condition in row.when:
            assert condition.key in report.measures, f"{row.id}: no key {condition.key}"


def test_every_key_stands_on_the_page_of_the_package(report, root):
    page = (root / "book" / "api" / "audit.md").read_text(encoding="utf-8")
    table = {key: row for key, row in measure_table().items() if not key.startswith("slices.")}
    assert list(table) == list(dict.fromkeys(table | report.measures))
    rows = [
        f"| `{key}` | {'; '.join(row[field] for field in ('name', 'doc') if field in row)} |"
        for key, row in table.items()
    ]
    assert page.split("|---|---|\n")[-1].splitlines() == rows, "\n".join(rows)
    told = re.findall(r"^\| `(\w+)` (?:… `relevance` )?\|", page, re.M)
    assert set(told) == set(report.as_dict()) - {"schema_version"} - (GROUPS - {"rows"})
    for name in report.input:
        assert f"`{name}`" in page


def test_a_scan_keeps_no_moments_of_its_parts(monkeypatch):
    rows = controls.sound_cloud(40 * 64, 64, 0).astype(np.float32)
    monkeypatch.setattr("embedding_audit.cloud.scan.BLOCK", 64)
    tracemalloc.start()
    try:
        found = scan(Vectors("some", "encoder", rows))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    one = sum(part.scatter.nbytes for part in found.groups)
    assert peak < 10 * one, "forty parts would take forty times as much"


def test_two_audits_are_equal(report):
    again = audit(read_inputs(model="random", n_items=200))
    assert again.as_dict() == report.as_dict()


def test_injected_faults_are_found():
    _, rows = controls.inject_faults(n=200, d=16)
    assert all(row["found"] for row in rows), rows


def test_an_isotropic_cloud_looks_like_its_null():
    rows = controls.sound_cloud(600, 16, 3)
    found = audit(Inputs(Vectors("sound", "encoder", rows)))
    for key in ("cosine.variance", "dimension.unbiased", "stability.int8", "stability.binary"):
        one = found[key]
        assert one.value == pytest.approx(one.null["gaussian"], rel=0.1), key
    assert found["dimension.unbiased"].value == pytest.approx(16, rel=0.03)
    assert found["hubness.raw.skewness"].null["random"] == pytest.approx(10**-0.5)


def test_a_sampled_audit_agrees_with_the_exact_one(monkeypatch):
    monkeypatch.setattr(clouds, "QUERIES", 150)
    rows = cloud(n=700, d=12, duplicates=0)
    inputs = Inputs(Vectors("rows", "encoder", rows))
    exact, some = audit(inputs), audit(inputs, exact_up_to=100)
    one = some["hubness.raw.skewness"]
    assert one.low <= exact["hubness.raw.skewness"].value <= one.high
    assert one.high - one.low > 0
    assert some["hubness.raw.antihubs"].value is None
    assert any("150 of 700" in note for note in some.notes)
    assert some["cosine.mean"].value == exact["cosine.mean"].value


def test_slices_have_the_rows_that_they_name():
    inputs = read_inputs(model="random", n_items=300)
    found = audit(inputs)
    labels = labels_of(inputs.table)
    unit = unit_rows(inputs.vectors.block(0, 300))
    for one in found.slices:
        mine = labels[one.by] == one.value
        assert one.n == mine.sum() >= 50
        for measure in one.measures.values():
            assert measure.sentence.endswith(".") and len(measure.sentence) > 10
        want = cosine_moments(unit[mine]).mean
        assert one.measures["mean_cosine"].value == pytest.approx(want, abs=1e-5)


def test_subword_tokens_are_counted_and_shuffled_letters_take_more():
    texts = ["cordless screwdriver", "drill 18 V", "impact wrench"] * 50
    found = subword_measures(texts, "minilm", 0)
    assert found["words_per_text"].value == pytest.approx(7 / 3)
    one = found["pieces_per_word"]
    assert 1 < one.value < one.null["shuffled"]


# ------------------------------------------------------------------------ small things


def test_what_has_no_value_is_said_once_for_each_reason():
    nothing = not_measured("no texts were given")
    measures = {
        "slices_summary.seen_min": nothing,
        "rows.nan": Measure(0, n=9).saying("No row holds NaN."),
        "fragmentation.words_per_text": nothing,
    }
    found = sentences(Report({}, {}, (), measures, [], []), measures)
    assert found.lines == (
        "No row holds NaN.",
        "Not measured: no texts were given (least seen slice, of its fair share; words per text).",
    )


def test_shares_medians_and_sentences():
    assert share_of(1.0, 50).high == 1.0
    one = median_of(np.arange(101.0))
    assert (one.value, one.low, one.high) == (50, 40, 60)
    assert sentence("rows.nan", Measure(3, n=9)).startswith("3 rows hold NaN")
    assert sentence("rows.nan", Measure(0, n=9)) == "No row holds NaN."
    assert "by −0.149 or less" in sentence("relevance.gap", Measure(-0.149, n=9))
    assert sentence("cosine.mean", Measure(reason="why not")) == "Not measured: why not."
