"""Free embeddings: gradients, the published protocol, critical n, and the cubic fit."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_chapters.free_embeddings.extrapolate import fit_polynomial, power_law_exponent
from paper_utils import critical_n
from paper_utils.errors import UsageError
from paper_utils.optimise.critical import solving_seeds
from paper_utils.optimise.descent import Protocol, _InfoNCE, _Runs, _Sigmoid, descend
from paper_utils.optimise.max_margin import _Best, _SoftMargin, max_margin
from paper_utils.published import published
from paper_utils.theory.construction import (
    equal_angles,
    set_margins,
    trigonometric_curve,
    trigonometric_queries,
)
from paper_utils.theory.margin import largest_margin, margin_ceiling
from paper_utils.theory.relevance import all_subsets

# Losses and gradients --------------------------------------------------------------------------


def torch_step(sets, n, X, temperature, lr, steps):
    """The published protocol in torch, by automatic differentiation, for one seed."""
    import torch

    m = len(sets)
    vectors = torch.nn.Parameter(torch.from_numpy(X.T.copy()))
    optimiser = torch.optim.Adam([vectors], lr=lr)
    relevant = torch.zeros(m, n)
    relevant[torch.arange(m)[:, None], torch.from_numpy(sets)] = 1.0
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        logits = vectors[:m] @ vectors[m:].T / temperature
        loss = -(torch.log_softmax(logits, dim=1) * relevant).sum() / relevant.sum()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            vectors /= vectors.norm(dim=1, keepdim=True)
        losses.append(float(loss.detach()))
    return losses, vectors.detach().numpy()


@pytest.mark.parametrize("n, k, d", [(7, 2, 4), (6, 3, 5), (9, 1, 2)])
def test_infonce_is_the_published_protocol(n, k, d):
    sets = all_subsets(n, k)
    rng = np.random.default_rng(k)
    start = rng.standard_normal((len(sets), d)), rng.standard_normal((n, d))
    X = np.vstack(start).T.astype(np.float32)
    X /= np.linalg.norm(X, axis=0)
    protocol = Protocol(max_iterations=20, check_every=1, patience=100)
    (ours,) = descend(sets, n, d, start=start, protocol=protocol)
    losses, vectors = torch_step(sets, n, X, 0.1, 0.01, ours.iterations)
    np.testing.assert_allclose([look[1] for look in ours.history], losses, rtol=2e-5)
    np.testing.assert_allclose(np.vstack([ours.queries, ours.docs]), vectors, atol=2e-4)


@pytest.mark.parametrize("make", [_InfoNCE, _Sigmoid])
def test_written_out_gradients(make):
    sets, n, d = all_subsets(6, 2), 6, 3
    rng = np.random.default_rng(5)
    X = rng.standard_normal((2, d, len(sets) + n)).astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    runs = _Runs(sets, n, [0, 1], X, "infonce", Protocol(temperature=0.5))
    way = rng.standard_normal(X.shape).astype(np.float32)
    step = np.float32(2e-3)
    ahead, back = make(runs, None)(X + step * way), make(runs, None)(X - step * way)
    loss = make(runs, None)
    loss(X)
    slope = (loss.gradient * way).sum(axis=(1, 2))
    np.testing.assert_allclose((ahead - back) / (2 * step), slope, rtol=1e-2, atol=1e-3)


def test_gradient_of_the_soft_gap():
    sets, n, d = all_subsets(6, 2), 6, 3
    rng = np.random.default_rng(2)
    x, way = rng.standard_normal((2, d * (len(sets) + n)))
    best = _Best(len(sets))
    loss = _SoftMargin(sets, n, d, 0.07, best)
    _, gradient = loss(x)
    ahead, back = loss(x + 1e-6 * way)[0], loss(x - 1e-6 * way)[0]
    assert (ahead - back) / 2e-6 == pytest.approx(gradient @ way, rel=1e-5)
    queries, docs = best.vectors
    assert best.margin == pytest.approx(set_margins(docs, queries, sets).min())


def test_soft_gap_is_above_minus_the_gap_and_tends_to_it():
    sets, n, d = all_subsets(5, 2), 5, 3
    x = np.random.default_rng(1).standard_normal(d * (len(sets) + n))
    best = _Best(len(sets))
    values = [_SoftMargin(sets, n, d, T, best)(x)[0] for T in (1.0, 0.1, 1e-3)]
    assert values[0] > values[1] > values[2] >= -best.margin - 1e-12
    assert values[2] == pytest.approx(-best.margin, abs=1e-2)


# Descent ---------------------------------------------------------------------------------------


def test_seeds_do_not_depend_on_their_company():
    sets = all_subsets(9, 2)
    together = descend(sets, 9, 4, seeds=[3, 4, 5])
    for run in together:
        (alone,) = descend(sets, 9, 4, seeds=[run.seed])
        assert (alone.solved, alone.iterations) == (run.solved, run.iterations)
        np.testing.assert_array_equal(alone.docs, run.docs)


def test_solved_runs_are_solved_and_looks_are_recorded():
    sets = all_subsets(7, 2)
    for run in descend(sets, 7, 4, seeds=range(3)):
        assert run.solved
        assert run.accuracy == 1.0 == run.history[-1][2]
        assert set_margins(run.docs, run.queries, sets).min() > 0
        np.testing.assert_allclose(np.linalg.norm(run.docs, axis=1), 1, rtol=1e-5)
        looks = [look[0] for look in run.history]
        assert looks == [1 + 50 * i for i in range(len(looks))]
        assert run.iterations == looks[-1]


def test_patience_and_the_last_step_end_a_run():
    sets = all_subsets(14, 2)
    short = Protocol(max_iterations=120, patience=1000)
    (run,) = descend(sets, 14, 3, protocol=short)
    assert (run.iterations, run.solved) == (120, False)
    assert [look[0] for look in run.history] == [1, 51, 101, 120]
    (run,) = descend(sets, 14, 3, protocol=Protocol(patience=40))
    assert 40 < run.iterations < 100_000


@pytest.mark.parametrize("loss", ["infonce", "sigmoid"])
def test_both_losses_solve_what_is_easy(loss):
    assert all(run.solved for run in descend(all_subsets(8, 2), 8, 5, loss=loss, seeds=[0, 1]))


def test_descent_leaves_the_exact_solution_while_its_loss_falls():
    n, sets, angles = 20, all_subsets(20, 2), equal_angles(20)
    queries, _ = trigonometric_queries(sets, angles)
    docs = trigonometric_curve(angles, 2)
    assert set_margins(docs, queries, sets).min() > 0
    protocol = Protocol(max_iterations=1001, patience=10_000)
    (run,) = descend(sets, n, 4, start=(queries, docs), protocol=protocol)
    (_, loss, accuracy), (_, later_loss, later_accuracy) = run.history[0], run.history[-1]
    assert later_loss < loss - 0.1
    assert later_accuracy < 0.8 < accuracy


# Critical n ------------------------------------------------------------------------------------


def test_critical_n_of_the_published_protocol():
    table = published("limit-critical-n").value
    found = critical_n(4, seeds=range(4))
    assert found.best == pytest.approx(table[4], abs=1)
    assert found.sure <= found.best
    rates = found.rates
    assert rates[found.sure] == 1.0
    assert rates[found.best] > 0
    assert all(rate == 0 for n, rate in rates.items() if n > found.best)
    assert [*rates] == sorted(rates)
    assert max(found.per_seed.values()) == found.best


def test_other_objectives_reach_further_in_the_same_four_dimensions():
    assert not solving_seeds(13, 4, 2, "infonce", (0, 1, 2))
    assert solving_seeds(14, 4, 2, "max-margin", (0, 1, 2))
    assert solving_seeds(11, 4, 2, "hinge", (0, 1, 2, 3))
    cold = Protocol(temperature=0.02)
    assert not solving_seeds(19, 5, 2, "infonce", (0, 1))
    assert solving_seeds(19, 5, 2, "infonce", (0, 1), cold)


def test_exact_small_cases():
    # Unit vectors in 3 dimensions separate all pairs of 4 documents and of no more.
    for objective in ("infonce", "hinge", "max-margin"):
        assert critical_n(3, objective=objective, seeds=range(4)).best == 4
    nothing = critical_n(1, objective="hinge", seeds=[0])
    assert (nothing.best, nothing.sure, nothing.per_seed) == (2, 2, {0: 2})


def test_the_search_respects_its_limit():
    assert critical_n(6, objective="hinge", seeds=[0], largest=20).best == 20


@pytest.mark.parametrize("d, least", [(6, 0.01), (8, 0.1), (12, 0.25)])
def test_margins_of_46_documents(d, least):
    found = max_margin(all_subsets(46, 2), 46, d)
    assert least < found.margin <= margin_ceiling(46, 2, d)
    sets = all_subsets(46, 2)
    assert found.margin == pytest.approx(
        set_margins(found.docs, found.queries, sets).min(), abs=1e-12
    )


def test_margin_reaches_the_simplex():
    assert max_margin(all_subsets(12, 3), 12, 11).margin == pytest.approx(
        largest_margin(12, 3), rel=1e-3
    )


def test_margin_stops_when_it_is_enough():
    sets = all_subsets(20, 2)
    some, all_the_way = max_margin(sets, 20, 6, enough=0.01), max_margin(sets, 20, 6)
    assert 0.01 < some.margin < all_the_way.margin
    assert some.solved and all_the_way.solved


def test_margin_improves_on_the_curve_it_starts_from():
    sets, angles = all_subsets(12, 2), equal_angles(12)
    queries, _ = trigonometric_queries(sets, angles)
    docs = trigonometric_curve(angles, 2)
    before = set_margins(docs, queries, sets).min()
    found = max_margin(sets, 12, 4, start=(queries, docs), temperatures=(1e-3, 3e-4))
    assert found.margin >= before - 1e-15


# The fit ---------------------------------------------------------------------------------------


def table_six():
    table = published("limit-critical-n").value
    return np.array(list(table)), np.array(list(table.values()))


def test_published_fit_and_extrapolations():
    d, n = table_six()
    fit = fit_polynomial(d, n)
    printed = published("limit-critical-n-fit").value
    assert [round(float(c), 4) for c in fit.coefficients] == [
        printed[name] for name in ("constant", "linear", "quadratic", "cubic")
    ]
    assert round(fit.r_squared, 3) == printed["r_squared"]
    np.testing.assert_allclose(fit.coefficients, np.polyfit(d, n, 3)[::-1], rtol=1e-8)
    values = [round(float(fit(x))) for x in (512, 768, 1024, 3072, 4096)]
    assert values == [509026, 1698768, 4005322, 107062548, 253473998]


def test_the_cubic_term_comes_from_the_last_points():
    d, n = table_six()
    early = fit_polynomial(d[d <= 40], n[d <= 40])
    cubic, error = early.coefficients[3], early.standard_errors[3]
    assert cubic == pytest.approx(-3.3e-5, abs=1e-6)
    assert abs(cubic) < error
    assert float(early(4096)) == pytest.approx(2.46e6, rel=0.01)
    assert 1.96 * early.standard_error_at(4096) > 2e7
    quadratic = fit_polynomial(d[d <= 40], n[d <= 40], 2)
    assert float(quadratic(512)) == pytest.approx(73.7e3, rel=1e-3)
    assert float(quadratic(4096)) == pytest.approx(4.7e6, rel=0.01)
    assert fit_polynomial(d, n).durbin_watson < 1
    fits = [fit_polynomial(d, n, degree) for degree in range(1, 11)]
    best = {name: min(fits, key=lambda f, c=name: getattr(f, c)).degree for name in ("aic", "bic")}
    assert best == {"aic": 10, "bic": 6}
    assert power_law_exponent(d[d >= 20], n[d >= 20]) == pytest.approx(1.98, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_fit_statistics(degree, seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(1, 50, 30))
    truth = rng.standard_normal(degree + 1)
    y = np.polynomial.polynomial.polyval(x, truth) + rng.standard_normal(30)
    fit = fit_polynomial(x, y, degree)
    reference, covariance = np.polyfit(x, y, degree, cov=True)
    np.testing.assert_allclose(fit.coefficients, reference[::-1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fit.standard_errors, np.sqrt(np.diag(covariance))[::-1], rtol=1e-4)
    np.testing.assert_allclose(fit(x) + fit.residuals, y, rtol=1e-6, atol=1e-6)
    row = 17.0 ** np.arange(degree + 1)
    error = math.sqrt(row @ covariance[::-1, ::-1] @ row)
    assert fit.standard_error_at(17.0) == pytest.approx(error, rel=1e-3)
    assert fit.degree == degree


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: critical_n(0), "d must be a whole number from 1, not 0"),
        (lambda: critical_n(4, k=0), "k must be a whole number from 1, not 0"),
        (lambda: critical_n(4, objective="mse"), "Allowed: infonce"),
        (lambda: critical_n(4, objective="hing"), "did you mean 'hinge'?"),
        (lambda: critical_n(4, seeds=[]), "seeds is empty"),
        (lambda: critical_n(4, seeds=[1, 1]), "repeated"),
        (lambda: critical_n(4, largest=2), "largest must be a whole number from 3, not 2"),
        (lambda: critical_n(2.5), "2.5"),
        (lambda: solving_seeds(3, 4, 3, "hinge", (0,)), "k must be a whole number from 1 to 2"),
        (lambda: solving_seeds(500, 4, 2, "hinge", (0,)), "20,000,000"),
        (lambda: descend([[0, 1]], 5, 2, loss="mse"), "Allowed: infonce, sigmoid"),
        (lambda: descend([[0, 1]], 5, 2, seeds=[]), "seeds is empty"),
        (lambda: descend([[0, 0]], 5, 2), "lists document 0 twice"),
        (lambda: descend([[0, 7]], 5, 2), "documents 0 to 4"),
        (lambda: descend([[0, 1]], 5, 2, start=(np.ones((1, 3)), np.ones((5, 3)))), "(1, 2)"),
        (lambda: Protocol(temperature=0.001), "0.0125"),
        (lambda: Protocol(patience=0), "patience = 0"),
        (lambda: max_margin([[0, 1]], 5, 2, start="spiral"), "Allowed: random, cyclic"),
        (lambda: max_margin([[0, 1]], 5, 2, temperatures=()), "must be positive"),
        (lambda: max_margin([[0, 1]], 5, 2, start=(np.ones((1, 3)), np.ones((5, 3)))), "(1, 2)"),
        (lambda: fit_polynomial([1, 2, 3], [1, 2]), "one length"),
        (
            lambda: fit_polynomial([1, 2, 3, 4], [1, 2, 3, 4]),
            "whole number from 0 to 1",
        ),
        (lambda: fit_polynomial([1, 1, 2], [1, 2, 3]), "2 different dimensions; at least 3"),
        (lambda: power_law_exponent([0, 1], [1, 2]), "positive"),
    ],
)
def test_bad_input(call, said):
    with pytest.raises(UsageError) as caught:
        call()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
