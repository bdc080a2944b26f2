"""Fertility and growth on the panel: identities, simulations, records, bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from paper_chapters.norm_growth.panel_cases import growth_cases, with_ends
from paper_chapters.norm_growth.panel_fertility import (
    GENERAL,
    LETTERS,
    PARALLEL,
    TITLES,
    TOKENIZERS,
    by_length,
    fertility_of_panel,
    load_panel_subwords,
    over_general,
    parallel_ratio,
)
from paper_chapters.norm_growth.panel_growth import (
    LANGUAGES_OF,
    WORDS,
    dealt,
    growth,
    growth_of_prefixes,
    jackknifed,
    summed,
)
from paper_utils import load_encoder, results
from paper_utils.encoders.fertility import count_subwords
from paper_utils.errors import UsageError

CUTTER = load_panel_subwords("minilm")


# --------------------------------------------------------------- subword tokens per word


def test_words_are_counted_by_their_letters():
    n, tokens = by_length(["Дрель 18В saw", "аккумуляторный, дрель"], CUTTER, "ru")
    assert n.shape == tokens.shape == (2, LETTERS)
    assert n[:, 4].tolist() == [1, 1] and n[1, 13] == 1 and n.sum() == 3
    counts = count_subwords(["Дрель", "аккумуляторный, дрель"], CUTTER)
    assert tokens.sum(axis=1).tolist() == [sum(row) for row in counts]


def test_with_one_length_it_is_the_ratio_of_tokens_per_word():
    domain = np.array([[2], [3]]), np.array([[4], [11]])
    general = np.array([[5], [1]]), np.array([[6], [3]])
    assert over_general(domain, general)[0] == pytest.approx((15 / 5) / (9 / 6))


def test_longer_words_alone_are_no_difference():
    """At equal length it is one where each length has the same tokens per word, whatever words."""
    rate = np.arange(1, LETTERS + 1)
    n, m = np.zeros((2, LETTERS), dtype=int), np.ones((2, LETTERS), dtype=int)
    n[:, -3:] = 4  # long words
    assert over_general((n, n * rate), (m, m * rate)) == (1.0, 0.0)
    plain = over_general(*(tuple(x.sum(1, keepdims=True) for x in (a, a * rate)) for a in (n, m)))
    assert plain[0] > 1.5


def test_a_length_that_is_not_general_is_left_out():
    n, m = np.array([[2, 7], [1, 7]]), np.array([[3, 0], [3, 0]])
    assert over_general((n, 2 * n), (m, m))[0] == 2
    with pytest.raises(UsageError, match="no word of a length"):
        over_general((np.array([[0, 1]]), np.array([[0, 1]])), (m, m))


def test_its_error_is_the_spread_over_draws_of_texts():
    rng = np.random.default_rng(0)

    def draw(n_texts, more):
        n = rng.integers(1, 6, size=(n_texts, 3))
        own = rng.integers(0, 3, size=(n_texts, 1))  # words of one text are alike
        return n, n * (np.array([1, 2, 3]) + own + more)

    found = np.array([over_general(draw(80, 1), draw(60, 0)) for _ in range(600)])
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(ddof=1), rel=0.08)


def test_parallel_texts():
    assert parallel_ratio([2, 4, 6], [1, 2, 3]) == (2.0, 0.0)
    rng = np.random.default_rng(1)

    def draw():
        b = rng.integers(5, 30, size=100)
        return parallel_ratio(b + rng.integers(0, 9, size=100), b)

    found = np.array([draw() for _ in range(600)])
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(ddof=1), rel=0.08)
    with pytest.raises(UsageError, match="not of the same texts"):
        parallel_ratio([1, 2], [1, 2, 3])


def test_the_tokens_of_e5_are_those_that_its_encoder_gets():
    cutter = load_panel_subwords("me5-small")
    for text in ("Дрель-шуруповёрт Bosch 18В", "cordless drill, 2 Ah"):
        whole = load_encoder("me5-small").tokenizer.encode(text).tokens
        mine = cutter.tokenize(text)
        assert whole[-1 - len(mine) : -1] == mine
        assert "".join(mine).replace("▁", " ").strip() == text


# ------------------------------------------------------------------------------- growth


def made(lengths, rho, within, d=256, n=60, seed=0):
    """States by length and text, a text growing: with a mean in common, and one of its own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=d)
    common *= np.sqrt(rho) / np.linalg.norm(common)
    scale = np.sqrt([within / d, (1 - rho - within) / d])
    texts = [
        common + rng.normal(size=d) * scale[0] + rng.normal(size=(k, d)) * scale[1]
        for k in rng.integers(lengths[-1], lengths[-1] + 5, size=n)
    ]
    return [[text[:k] for text in texts] for k in lengths[:-1]] + [texts]


def test_states_that_obey_the_law_are_found_to():
    found = jackknifed(growth, summed(made((2, 4, 8, 16), 0.2, 0.15)))
    value = {name: number for name, (number, _) in found.items()}
    assert value["within"] == pytest.approx(0.35, abs=4 * found["within"][1])
    assert value["between"] == pytest.approx(0.2, abs=0.02)
    for name in ("mean", "cosine"):
        number, error = found[f"{name}_over_law_slope"]
        assert number == pytest.approx(0, abs=4 * error + 0.005)
    assert value["mean_slope"] < -0.2 and value["cosine_slope"] > 0.05
    assert value["size_slope"] == pytest.approx(0, abs=4 * found["size_slope"][1])


def test_the_mean_cosine_is_that_over_all_pairs():
    states = made((2, 5), 0.2, 0.1, d=16, n=7)
    found = growth(*summed(states))
    for at, row in enumerate(states):
        units = [text.mean(axis=0) / np.linalg.norm(text.mean(axis=0)) for text in row]
        pairs = [one @ other for one, other in itertools.combinations(units, 2)]
        assert found["cosine"][at] == pytest.approx(np.mean(pairs))
        norms = [np.linalg.norm(text.mean(axis=0)) ** 2 for text in row]
        assert found["mean"][at] == pytest.approx(np.mean(norms))


def test_norm_is_size_times_agreement():
    """A network that makes its states smaller shows in the slope of their size, one for one."""
    states = made((2, 4, 8), 0.2, 0.1)
    smaller = [[text / len(text) for text in row] for row in states]
    one, other = (growth(*summed(each)) for each in (states, smaller))
    gone = one["mean_slope"] - other["mean_slope"]
    assert gone == pytest.approx(one["size_slope"] - other["size_slope"], abs=0.02)
    assert other["cosine_slope"] == pytest.approx(one["cosine_slope"])  # lengths do not matter


def test_the_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(0).normal(size=(1, 9, 1))
    found = jackknifed(lambda sums, *_: {"mean": sums.mean()}, (x, x[..., 0], x[..., 0]))
    assert found["mean"][1] == pytest.approx(x.std(ddof=1) / 3)


def test_dealt_states_keep_numbers_and_grow():
    states = made((2, 4, 8), 0.2, 0.3, d=8, n=20)
    new = dealt(states, seed=1)
    assert [[len(one) for one in row] for row in new] == [[len(one) for one in r] for r in states]
    for short, long in itertools.pairwise(new):
        for one, other in zip(short, long, strict=True):
            np.testing.assert_array_equal(one, other[: len(one)])
    of_all = [np.sort(np.concatenate(each[-1]), axis=None) for each in (states, new)]
    np.testing.assert_array_equal(*of_all)


def test_dealt_states_have_one_correlation():
    found = jackknifed(growth, summed(dealt(made((2, 4, 8, 16), 0.2, 0.3), seed=0)))
    assert found["within"][0] == pytest.approx(found["between"][0], abs=0.01)


def test_only_what_was_fixed_is_measured():
    with pytest.raises(UsageError, match="was not to meet"):
        growth_of_prefixes("smollm2-135m", "ru")


# ------------------------------------------------------------------------------ records


def test_the_record_of_fertility_is_complete():
    kept = results.get("fertility-panel")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    assert [task["tokenizer"] for task, _, _ in kept.tasks] == list(TOKENIZERS)
    for _, value, _ in kept.tasks:
        assert set(value["texts"]) == set(TITLES | GENERAL)
        assert set(value["parallel"]) == set(PARALLEL)
        for name, row in value["domain"].items():
            rows = (value["texts"][part] for part in name.split(" / "))
            one, other = (next(iter(kinds.values()))["mean"] for kinds in rows)
            assert row["ratio"] == pytest.approx(one / other)


def test_the_record_of_growth_is_complete():
    kept = results.get("norm-growth-panel")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    done = [(task["encoder"], task["language"]) for task, _, _ in kept.tasks]
    assert done == [(name, spoken) for name, each in LANGUAGES_OF.items() for spoken in each]
    cases = growth_cases(kept.tasks)
    assert len(cases) == len(done) * len(WORDS) * 3
    seen = cases[cases["counts"]]
    assert len(seen) == 14
    off = with_ends(seen, "mean_over_law_slope")
    left = {case.split(", ")[0] for case, (_, low, high) in off.items() if not low <= 0 <= high}
    assert left == set(seen["encoder"]) and len(left) == 5  # the title of the chapter says so
    assert (cases["mean_slope"] - cases["mean_law_slope"]).to_numpy() == pytest.approx(
        cases["mean_over_law_slope"].to_numpy()
    )
    law = with_ends(cases[cases["treatment"] == "dealt"], "mean_over_law_slope")
    assert np.mean([low <= 0 <= high for _, low, high in law.values()]) > 0.5


@pytest.mark.realdata
def test_a_slice_of_fertility_is_counted_again(paper_data):
    task = {"tokenizer": "minilm"}
    assert "agrees" in results.get("fertility-panel").agrees(fertility_of_panel(**task), **task)
