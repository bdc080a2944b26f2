"""Monotone descent from a given point."""

import numpy as np
import pytest

from paper_chapters.free_embeddings.flow import descend_monotonically, infonce
from paper_utils.errors import UsageError
from paper_utils.optimise.descent import PUBLISHED, descend
from paper_utils.theory.construction import (
    equal_angles,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.relevance import all_subsets


def exact(n):
    sets, angles = all_subsets(n, 2), equal_angles(n)
    return sets, trigonometric_queries(sets, angles)[0], trigonometric_curve(angles, 2)


def test_gradient_is_the_slope_of_the_loss():
    sets = all_subsets(6, 2)
    rng = np.random.default_rng(0)
    Q, way_q = rng.normal(size=(2, len(sets), 3))
    D, way_d = rng.normal(size=(2, 6, 3))
    _, by_query, by_doc = infonce(Q, D, sets, 0.3)
    ahead = infonce(Q + 1e-6 * way_q, D + 1e-6 * way_d, sets, 0.3)[0]
    back = infonce(Q - 1e-6 * way_q, D - 1e-6 * way_d, sets, 0.3)[0]
    slope = (by_query * way_q).sum() + (by_doc * way_d).sum()
    assert (ahead - back) / 2e-6 == pytest.approx(slope, rel=1e-6)


def test_loss_is_that_of_the_published_protocol():
    sets, queries, docs = exact(12)
    (run,) = descend(sets, 12, 4, start=(queries, docs))
    assert run.history[0][1] == pytest.approx(
        infonce(queries, docs, sets, PUBLISHED.temperature)[0], rel=1e-5
    )


def test_loss_falls_and_the_exact_solution_is_left():
    sets, queries, docs = exact(20)
    flow = descend_monotonically(sets, queries, docs, steps=300)
    assert (np.diff(flow.loss) < 0).all()
    assert flow.accuracy[0] == 1.0
    assert flow.accuracy[-1] < 0.9
    np.testing.assert_allclose(np.linalg.norm(flow.docs, axis=1), 1)
    # Where the simplex has room, the same descent keeps every pair on top.
    rng = np.random.default_rng(0)
    sets = all_subsets(8, 2)
    wide = descend_monotonically(sets, rng.normal(size=(28, 7)), rng.normal(size=(8, 7)))
    assert wide.accuracy[-1] == 1.0


@pytest.mark.parametrize(
    "change, said",
    [
        ({"temperature": 0}, "temperature = 0"),
        ({"steps": 0}, "steps = 0"),
        ({"docs": np.ones((6, 3))}, "do not fit"),
        ({"queries": np.ones((2, 4))}, "one query a set"),
    ],
)
def test_bad_input(change, said):
    sets, queries, docs = exact(6)
    arguments = {"sets": sets, "queries": queries, "docs": docs} | change
    with pytest.raises(UsageError, match=said):
        descend_monotonically(**arguments)
