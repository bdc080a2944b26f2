"""The law of sums of random vectors: closed forms, simulation, inversion, fit, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import ndtr
from scipy.stats import binom, norm

from paper_chapters.additive_codes.fit import (
    additive_fit,
    additive_ranks,
    document_effect,
    query_recalls,
    resampled_recalls,
)
from paper_chapters.additive_codes.simulated import limit_layout, simulated_recall, token_recall
from paper_utils.codes.additive import (
    LIMIT,
    LIMIT_SMALL,
    AdditiveLaw,
    additive_dimension,
    additive_recall,
    half_recall_dimension,
    slope,
    wilson,
)
from paper_utils.codes.additive_simulation import additive_code_ranks, token_counts, words
from paper_utils.errors import UsageError
from paper_utils.published import published
from paper_utils.search.metrics import recall_at_k

# ------------------------------------------------------------------------------- the law


def test_one_distractor_is_beaten_with_a_probability_in_closed_form():
    law = AdditiveLaw(n_docs=2, length=45, n_relevant=1)
    for d in (1, 10, 90, 400):
        spread = math.sqrt(1 + law.tau(d) ** 2)
        assert law.recall(d, 1) == pytest.approx(ndtr(law.signal(d) / spread), rel=1e-12)


def test_drowning_is_exponential_in_dimension_over_length():
    law = AdditiveLaw(n_docs=2, length=200, n_relevant=1)
    lost = [math.log(1 - law.recall(d, 1)) for d in (8_000, 12_000)]
    assert (lost[0] - lost[1]) / 4_000 == pytest.approx(1 / (4 * 200), rel=0.05)


@pytest.mark.parametrize("setting", [LIMIT, LIMIT_SMALL, {"n_docs": 10**7, "length": 12}])
@pytest.mark.parametrize("d, k", [(40, 2), (300, 10), (300, 2)])
def test_quadrature_agrees_with_an_adaptive_one(setting, d, k):
    law = AdditiveLaw(**setting)
    s, tau, own = law.signal(d), law.tau(d), law.noise
    other = math.sqrt(own / (own + 2 * law.shared(d)))
    drawn = law.n_docs - 2

    def inside(z):
        beaten = norm.sf(s + tau * z)
        first, second = binom.cdf([k - 1, k - 2], drawn, beaten)
        return norm.pdf(z) * (norm.cdf(other * z) * first + norm.sf(other * z) * second)

    exact = sum(quad(inside, a, a + 0.5, epsabs=0, epsrel=1e-9)[0] for a in np.arange(-9, 9, 0.5))
    assert law.recall(d, k) == pytest.approx(exact, rel=1e-6)


def test_huge_collections_and_deep_cut_offs():
    # A cut-off at a fixed share of infinitely many documents is a threshold on the score.
    law = AdditiveLaw(n_docs=10**12, length=45)
    cut = norm.isf(1e-3)
    expected = norm.sf((cut - law.signal(400)) / law.tau(400))
    assert law.recall(400, 10**9) == pytest.approx(expected, rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    d=st.floats(1, 5000),
    n_docs=st.integers(4, 10**6),
    length=st.integers(1, 80),
    data=st.data(),
)
def test_recall_rises_with_dimension_and_cut_off(d, n_docs, length, data):
    k = data.draw(st.integers(1, n_docs - 1))
    law = AdditiveLaw(n_docs, length, vocabulary=data.draw(st.sampled_from([None, 100, 5000])))
    low, deeper, wider = law.recall(d, k), law.recall(d, k + 1), law.recall(1.5 * d, k)
    assert -1e-12 <= low <= deeper + 1e-9 <= 1 + 1e-8
    assert low <= wider + 1e-9


@settings(max_examples=40, deadline=None)
@given(d=st.floats(5, 3000), k=st.sampled_from([2, 10, 100]))
def test_inversion_returns_the_dimension(d, k):
    law = AdditiveLaw(**LIMIT)
    recall = law.recall(d, k)
    if 1e-9 < recall < 1 - 1e-6:
        assert law.dimension(recall, k) == pytest.approx(d, rel=1e-4)


@pytest.mark.parametrize("d", [4.0, 16.0, 64.0, 256.0, 1024.0])
def test_inversion_finds_the_ends_of_its_own_brackets(d):
    law = AdditiveLaw(**LIMIT)
    for k in (2, 10, 100):
        assert law.dimension(law.recall(d, k), k) == pytest.approx(d, rel=1e-6)


def test_every_document_is_retrieved_at_full_depth():
    assert additive_recall(5, 46, 45, 46) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("relevant", [1, 2, 3, 5])
def test_law_and_ranks_drawn_from_it_agree(relevant):
    law = AdditiveLaw(200, 20, 400, n_relevant=relevant)
    ranks = additive_ranks(law, 80, 60_000)
    assert (np.diff(ranks, axis=1) > 0).all() and ranks.min() >= 1 and ranks.max() <= 200
    for k in (1, 3, 20):
        found = query_recalls(ranks, [k])
        error = found.std() / math.sqrt(len(found))
        # Three relevant documents and more are taken as independent given z: small differences.
        slack = 0 if relevant <= 2 else 0.005
        assert abs(found.mean() - law.recall(80, k)) < 4 * error + slack


@pytest.mark.parametrize("n_docs, d, setting", [(46, 96, LIMIT_SMALL), (3000, 400, LIMIT)])
def test_law_and_simulation_agree(n_docs, d, setting):
    seeds = range(12 if n_docs == 46 else 5)
    rows = []
    for seed in seeds:
        layout = limit_layout(n_docs, seed=seed)
        counts = token_counts(layout.queries, layout.documents.tolist())
        ranks = additive_code_ranks(*counts, layout.qrels, d, seed=seed)
        rows.append([recall_at_k(ranks, k).mean() for k in (2, 10, 20)])
    error = np.std(rows, axis=0, ddof=1) / math.sqrt(len(rows))
    law = AdditiveLaw(**setting | {"n_docs": n_docs})
    expected = [law.recall(d, k) for k in (2, 10, 20)]
    assert (np.abs(np.mean(rows, axis=0) - expected) < 4 * error + 0.005).all()


def test_law_and_published_grid_agree_for_whole_attributes():
    for corpus, setting in (("limit", LIMIT), ("limit-small", LIMIT_SMALL)):
        for d, printed in published("med-additive-grid").value[corpus]["handmade"].items():
            assert additive_recall(d, k=2, **setting) == pytest.approx(printed, abs=0.025)


def test_half_of_the_recall_near_the_rule_of_thumb():
    for n_docs, k in ((1000, 2), (50_000, 10), (10**6, 100)):
        half = AdditiveLaw(n_docs, 45).dimension(0.5, k)
        assert half_recall_dimension(n_docs, 45, k) == pytest.approx(half, rel=0.15)


# ------------------------------------------------------------------- inversion, uncertainty


def test_delta_method_and_parametric_bootstrap_agree():
    law, d = AdditiveLaw(**LIMIT), 300.0
    means = resampled_recalls(law, d, [2, 10, 100], 1000, 2000)
    near = np.geomspace(150, 600, 80)
    for column, k in enumerate((2, 10, 100)):
        curve = [law.recall(x, k) for x in near]
        spread = np.interp(means[:, column], curve, near).std()
        per_query = query_recalls(additive_ranks(law, d, 50_000), [k]).std() / math.sqrt(1000)
        assert spread == pytest.approx(per_query / slope(law, d, k), rel=0.08)
        # The unit is the query: the interval allows for documents found or lost together.
        [found] = additive_dimension({k: law.recall(d, k)}, **LIMIT)
        assert spread < found.se * 1.05


def test_intervals_cover_and_ends_are_open():
    found = additive_dimension({2: 0.0, 10: 0.4, 100: 1.0}, **LIMIT)
    assert [item.k for item in found] == [2, 10, 100]
    assert found[0].dimension == found[0].low == 0 < found[0].high
    assert found[1].low < found[1].dimension < found[1].high
    assert found[2].low < found[2].dimension == found[2].high == math.inf
    assert math.isnan(found[0].se) and math.isnan(found[2].se)
    wide = additive_dimension({10: 0.4}, **LIMIT, n_queries=50)
    assert wide[0].low < found[1].low and wide[0].high > found[1].high


def test_wilson_agrees_with_statsmodels_values():
    from scipy.stats import binomtest

    ours = wilson(0.07, 200, 0.9)
    theirs = binomtest(14, 200).proportion_ci(0.9, method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), rel=1e-12)


# ---------------------------------------------------------------------------------- fit


def test_the_test_keeps_its_level_and_finds_heavier_tails():
    law = AdditiveLaw(**LIMIT)
    means = resampled_recalls(law, 250, [2, 10, 100], 1000, 40, seed=5)
    fits = [
        additive_fit(dict(zip((2, 10, 100), row.tolist(), strict=True)), law, n_resamples=200)
        for row in means[:6]
    ]
    assert sum(fit.p < 0.05 for fit in fits) <= 2
    spread = np.std([fit.dimension for fit in fits])
    assert 0.4 < spread / np.mean([fit.se for fit in fits]) < 1.8
    # Half of the queries at 60 and half at 600 dimensions: more at the top, less below.
    mixed = {k: (law.recall(60, k) + law.recall(600, k)) / 2 for k in (2, 10, 100)}
    fit = additive_fit(mixed, law, n_resamples=200)
    assert fit.p < 0.01 and fit.z[2] > 2 and fit.z[100] < -2 and fit.design_effect > 1


def test_queries_that_share_documents_are_counted_as_such():
    rng = np.random.default_rng(0)
    layout = limit_layout(46, seed=0)
    independent = rng.normal(size=1000)
    assert document_effect(independent, layout.qrels) == pytest.approx(1, abs=0.6)
    of_docs = layout.qrels @ rng.normal(size=46)
    assert document_effect(of_docs, layout.qrels) > 10


# ---------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "change, said",
    [
        ({"d": 0}, "d = 0"),
        ({"d": math.nan}, "d = nan"),
        ({"d": math.inf}, "d = inf"),
        ({"k": 47}, "k must be a whole number from 1 to 46, not 47"),
        ({"k": 0}, "k must .* not 0"),
        ({"k": 2.0}, "k must .* not 2.0"),
        ({"n_docs": 2}, "n_docs must .* from 3, not 2"),
        ({"length": 0}, "length must .* not 0"),
        ({"vocabulary": 45}, "vocabulary must .* from 46, not 45"),
        ({"n_relevant": 0}, "n_relevant must .* not 0"),
        ({"n_relevant": True}, "n_relevant must .* not True"),
    ],
)
def test_bad_numbers_are_refused(change, said):
    with pytest.raises(UsageError, match=said):
        additive_recall(**({"d": 64, "n_docs": 46, "length": 45, "k": 2} | change))


@pytest.mark.parametrize(
    "recalls, said",
    [
        ({}, "map cut-offs"),
        ([0.1], "map cut-offs"),
        ({2: math.nan}, "recall@2 = nan"),
        ({2: 1.2}, "recall@2 = 1.2"),
        ({2: -0.1}, "recall@2 = -0.1"),
        ({2: 0.5, 10: 0.4}, "cannot fall"),
        ({50: 0.5}, "cut-off must .* from 1 to 46, not 50"),
        ({10: 0.1}, "below chance"),
        ({2: "0.3"}, "recall@2"),
    ],
)
def test_recalls_that_no_dimension_explains_are_refused(recalls, said):
    with pytest.raises(UsageError, match=said):
        additive_dimension(recalls, 46, 45)


def test_options_out_of_range_are_refused():
    with pytest.raises(UsageError, match="level"):
        additive_dimension({2: 0.1}, 46, 45, level=1.0)
    with pytest.raises(UsageError, match="n_queries"):
        additive_dimension({2: 0.1}, 46, 45, n_queries=0)
    with pytest.raises(UsageError, match="fewer than two"):
        additive_fit({2: 0.3, 46: 1.0}, AdditiveLaw(46, 45))
    with pytest.raises(UsageError, match="from 1 to 23, not 30"):
        half_recall_dimension(46, 45, 30)


# --------------------------------------------------------------------------- simulation


def test_scores_are_inner_products_of_sums():
    layout = limit_layout(60, length=10, n_active=8, n_queries=20, spare=40, seed=1)
    queries, documents = token_counts(layout.queries, layout.documents.tolist())
    vectors = np.random.default_rng(3).standard_normal((documents.shape[1], 24), dtype=np.float32)
    scores = (queries @ vectors) @ (documents @ vectors).T
    for cosine in (False, True):
        if cosine:
            scores = scores / np.linalg.norm(documents @ vectors, axis=1)
        ranks = additive_code_ranks(queries, documents, layout.qrels, 24, seed=3, cosine=cosine)
        relevant = layout.qrels.toarray()
        better = [(s > s[j]).sum() for s, r in zip(scores, relevant, strict=True)
                  for j in np.flatnonzero(r)]  # fmt: skip
        assert ranks.better.tolist() == better


def test_layout_is_of_limits_design():
    layout = limit_layout(300, seed=2)
    documents = layout.documents
    assert documents.shape == (300, 45)
    assert all(len(set(row)) == 45 for row in documents.tolist())
    assert documents[46:].min() >= 1000
    assert np.diff(layout.qrels.indptr).tolist() == [2] * 1000
    holds = [(documents == q).any(axis=1).nonzero()[0] for [q] in layout.queries[:50]]
    rows = layout.qrels.toarray()[:50]
    assert all((np.flatnonzero(r) == h).all() for r, h in zip(rows, holds, strict=True))
    assert len({tuple(np.flatnonzero(row)) for row in layout.qrels.toarray()}) == 1000


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: limit_layout(46, n_queries=2000), "n_queries = 2000"),
        (lambda: limit_layout(20), "n_docs = 20"),
        (lambda: limit_layout(46, length=20), "length = 20"),
        (lambda: limit_layout(46, spare=30), "spare = 30"),
        (lambda: token_counts([[]], [[]]), "no text"),
        (lambda: simulated_recall(47, 8), "n_docs = 47"),
        (lambda: token_recall("limit", "letters"), "letters"),
        (lambda: token_recall("small", "items"), "small"),
    ],
)
def test_impossible_simulations_are_refused(call, said):
    with pytest.raises(UsageError, match=said):
        call()


def test_mismatched_counts_are_refused():
    layout = limit_layout(60, length=10, n_active=8, n_queries=20, spare=40)
    queries, documents = token_counts(layout.queries, layout.documents.tolist())
    with pytest.raises(UsageError, match="do not fit"):
        additive_code_ranks(queries, documents[:50], layout.qrels, 8)
    with pytest.raises(UsageError, match="d must be a whole number from 1, not 0"):
        additive_code_ranks(queries, documents, layout.qrels, 0)


def test_words_and_their_stop_list():
    assert words("Who likes Guns N' Roses?") == ["likes", "guns", "n", "roses"]
    assert words("Who likes Guns?", ()) == ["who", "likes", "guns"]


@pytest.mark.realdata
def test_released_texts_give_the_published_grid_of_word_tokens():
    printed = published("med-additive-grid").value["limit-small"]["vanilla"]
    found = token_recall("limit-small", "words", (128, 1024, 4096))
    for d, rows in found["recall"].items():
        at_two = [row[0] for row in rows]
        assert np.mean(at_two) == pytest.approx(printed[int(d)], abs=0.06)
    assert 69 < found["length"] < 72
