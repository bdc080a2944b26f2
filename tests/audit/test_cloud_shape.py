"""Moments, cosines and dimensions against the book's own functions and closed forms."""

import numpy as np
import pytest
from cloud_rows import cloud_of, cloud_rows, measured, sound_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding_audit.cloud.moments import (
    Moments,
    cosine_statistics,
    grouped,
    merged,
    spectral_dimensions,
    trace_dimensions,
    with_intervals,
)
from embedding_audit.cloud.nulls import Gaussian, Shuffled
from embedding_audit.cloud.points import Centred, FilePoints, InMemoryPoints
from embedding_audit.measure import from_jackknife
from embedding_audit.reading import open_vectors
from paper_utils.checks import unit_rows
from paper_utils.geometry.cosine import centre, cosine_moments
from paper_utils.geometry.dimension import effective_dimension


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
    rows = unit_rows(cloud_rows()).astype(np.float32)  # what single precision keeps of them
    unit, moments = unit_rows(rows), cloud_of(rows).moments
    book, mine = cosine_moments(unit), cosine_statistics(moments)
    for name, key in (("mean", "mean"), ("var", "variance"), ("mu2", "mu2"), ("cross", "cross")):
        assert mine[key] == pytest.approx(getattr(book, name), rel=1e-6)
    assert mine["spectral"] == pytest.approx(book.spectral, rel=1e-6)
    assert mine["inverse_d_eff"] == pytest.approx(1 / book.d_c, rel=1e-6)
    dims = trace_dimensions(moments) | spectral_dimensions(moments)
    for name in ("participation", "unbiased", "effective-rank", "stable-rank", "components-90"):
        want = effective_dimension(unit, name).value
        assert dims[name.replace("-", "_")] == pytest.approx(want, rel=1e-6), name
    assert dims["rankme"] == pytest.approx(effective_dimension(unit, "rankme").value, rel=1e-4)


def test_the_moments_of_what_is_in_memory_and_of_what_is_not_are_one(monkeypatch):
    rows = cloud_rows()
    inside = cloud_of(rows)
    monkeypatch.setattr("embedding_audit.cloud.cloud.ROOM", 0)
    outside = cloud_of(rows)
    assert isinstance(inside.rows, InMemoryPoints) and isinstance(outside.rows, FilePoints)
    for one, other in zip(inside.groups, outside.groups, strict=True):
        assert one.n == other.n and np.allclose(one.scatter, other.scatter, rtol=1e-12)
    found = inside.rows.rows[outside.rows.place]
    assert np.array_equal(outside.rows.block(0, outside.rows.n), found)
    for number, point in enumerate(outside.point_of_row):
        same = outside.distinct.block(point, point + 1), outside.rows.block(number, number + 1)
        assert np.array_equal(*same)


def test_intervals_of_left_out_groups_are_those_of_the_jackknife_of_rows():
    rows = cloud_rows(n=2000, duplicates=0)
    book = cosine_moments(rows)
    mine = with_intervals(cloud_of(rows).groups, cosine_statistics)["mean"]
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


@pytest.mark.parametrize(("n", "d", "told"), [(60, 64, False), (60, 8, True), (400, 64, True)])
def test_a_dimension_is_told_only_where_there_are_rows_enough_for_it(n, d, told):
    found = measured(sound_rows(n, d)).measures
    one, plain = found["dimension.unbiased"], found["dimension.participation"]
    assert found["dimension.ceiling"].value == min(n - 1, d) >= plain.value
    assert one.measured == found["dimension.share"].measured == told
    if told:
        assert one.value == pytest.approx(d, rel=0.15)
    else:
        assert f"{n} different rows in {d} columns are too few" in one.reason
        assert f"at most {n - 1}" in one.reason


def test_few_dimensions_are_told_by_few_rows():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 300))
    found = measured(rows).measures["dimension.unbiased"]
    assert 3 < found.low < found.value < 6


def test_an_isotropic_cloud_looks_like_its_null():
    found = measured(sound_rows(600, 16, 3)).measures
    for key in ("cosine.variance", "dimension.unbiased", "stability.int8", "stability.binary"):
        one = found[key]
        assert one.value == pytest.approx(one.null["gaussian"], rel=0.1), key
    assert found["dimension.unbiased"].value == pytest.approx(16, rel=0.03)
    assert found["hubness.raw.skewness"].null["random"] == pytest.approx(10**-0.5)


def test_points_of_a_file_are_the_rows_that_are_kept(tmp_path):
    rows = cloud_rows(n=301)[:300]
    np.save(tmp_path / "a.npy", rows)
    kept = np.array([0, 5, 6, 100, 299])
    points = FilePoints(open_vectors(tmp_path / "a.npy"), kept)
    want = unit_rows(rows[kept]).astype(np.float32)
    assert np.array_equal(points.block(0, 5), want)
    assert np.array_equal(points.block(1, 4), want[1:4])
    assert np.array_equal(points.take(np.array([3, 0, 3])), want[[3, 0, 3]])
    mean = unit_rows(rows).mean(axis=0)
    centred = Centred(InMemoryPoints(unit_rows(rows).astype(np.float32)), mean)
    assert np.allclose(centred.block(0, 300), centre(rows), atol=1e-5)


def test_nulls_have_the_moments_that_they_should():
    rows = unit_rows(cloud_rows(n=4000, duplicates=0))
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
