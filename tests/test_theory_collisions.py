"""The collision model: its distribution against SciPy's, closed forms at the limits, simulation."""

import numpy as np
import pytest
from scipy import stats

from paper_chapters.numen import collisions
from paper_utils import HashedNgrams, UsageError, ranks_from_lists, recall_at_k
from paper_utils.limit.generate import generate_limit

KS = (2, 10, 50)


@pytest.fixture(scope="module")
def data():
    return generate_limit(12, 2, n_docs=200, n_attributes=20)


@pytest.fixture(scope="module")
def counts(data):
    return collisions.gram_counts(data.documents, data.queries, data.qrels)


def measured(data, d, **options):
    engine = HashedNgrams(d, threads=1, **options).fit(data.documents)
    found, scores = engine.search(data.queries, len(data.documents))
    ranks = ranks_from_lists(found, data.qrels, scores=scores)
    return [float(recall_at_k(ranks, k).mean()) for k in KS]


@pytest.mark.parametrize("skew", [-2.5, -0.3, -0.02, 0.0, 0.005, 0.4, 1.7])
def test_distribution_is_scipys_pearson3(skew):
    x = np.linspace(-4, 6, 41)
    tail = collisions._pearson_above(x, np.full(41, skew))
    np.testing.assert_allclose(tail, stats.pearson3.sf(x, skew), atol=1e-3)
    chances = np.linspace(0.05, 0.95, 7)
    quantiles = collisions._pearson_quantile(chances, skew)
    np.testing.assert_allclose(quantiles, stats.pearson3.ppf(chances, skew), atol=3e-3)


def test_chance_found_has_its_closed_forms():
    nobody = np.zeros((2, 3))
    np.testing.assert_allclose(collisions._chance_found(nobody, nobody, 1), 1.0)
    two = np.full((1, 3), 2.0)
    # Two expected, independent and rare: Poisson. Two for certain: no chance at 2, sure at 3.
    np.testing.assert_allclose(collisions._chance_found(two, two, 3), stats.poisson.cdf(2, 2.0))
    np.testing.assert_allclose(collisions._chance_found(two, 0 * two, 2), 0.0)
    np.testing.assert_allclose(collisions._chance_found(two, 0 * two, 3), 1.0)


def test_without_collisions_the_prediction_is_the_measurement(data, counts):
    predicted = collisions.predicted_recall(counts, 1 << 32, KS)
    np.testing.assert_allclose(predicted, measured(data, 1 << 32), atol=0.02)


def test_one_bucket_ranks_at_random(data, counts):
    predicted = collisions.predicted_recall(counts, 1, KS)
    assert predicted[0] < 0.15 and predicted == sorted(predicted)


def test_prediction_is_near_the_mean_over_hashes(data, counts):
    for d in (512, 2048):
        seeds = range(3)
        found = np.array([measured(data, d, hash="mixed", seed=seed) for seed in seeds])
        predicted = np.mean(
            [collisions.predicted_recall(counts, d, KS, seed=seed) for seed in seeds], axis=0
        )
        np.testing.assert_allclose(predicted, found.mean(axis=0), atol=0.06)


def test_bad_input(counts):
    with pytest.raises(UsageError, match="k must"):
        collisions.predicted_recall(counts, 8, (0,))
    with pytest.raises(UsageError, match="d must be"):
        collisions.predicted_recall(counts, 0, (1,))
