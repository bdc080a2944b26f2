"""Subword tokens per word and what they do inside a model: rows, records, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from paper_chapters.norm_growth.multilingual import (
    PRINTED,
    continuing,
    fertility_under_mbert,
    spellings,
)
from paper_chapters.norm_growth.title_norms import (
    ENCODERS,
    LANGUAGES,
    LEVELS,
    MEASURED,
    fertility_of,
    fertility_of_titles,
    fertility_row,
    growth_in_model,
    growth_row,
    texts_of,
)
from paper_utils import results
from paper_utils.encoders.fertility import has_tokenizer, load_subwords
from paper_utils.errors import UsageError
from paper_utils.published import published


def test_a_row_by_hand():
    row = fertility_row([[1, 3], [], [2], [20]], 52)
    assert (row["n_texts"], row["n_words"], row["mean"], row["single"]) == (3, 4, 6.5, 0.25)
    assert row["histogram"] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert row["letters_per_piece"] == 2.0


def test_the_standard_error_is_that_of_means_over_texts():
    rng = np.random.default_rng(0)

    def draw():  # words of one text are alike: words are no independent draws
        return [[int(k)] * 4 for k in rng.integers(1, 9, size=60)]

    rows = [fertility_row(draw(), 1) for _ in range(400)]
    spread = np.std([row["mean"] for row in rows], ddof=1)
    assert np.mean([row["se"] for row in rows]) == pytest.approx(spread, rel=0.1)


def test_kinds_of_words():
    rows = fertility_of(["Дрель-шуруповёрт Bosch 18В", "Пила 2Ач Makita"], load_subwords("minilm"))
    assert {kind: row["n_words"] for kind, row in rows.items()} == {
        "all words": 6,
        "Cyrillic": 2,
        "Latin": 2,
        "with digits": 2,
    }
    assert rows["Cyrillic"]["mean"] > 3 * rows["Latin"]["mean"]


def test_too_few_words():
    with pytest.raises(UsageError, match="at least 2"):
        fertility_row([[1], []], 3)


def test_texts_by_level():
    titles = ["Дрель Bosch 18В", "дрель ударная"]
    assert texts_of(titles, "titles", "ru", 1) == titles
    assert texts_of(titles, "words", "ru", 1) == ["Дрель"]
    assert texts_of(titles, "words", "en", 9) == ["Bosch"]
    with pytest.raises(UsageError, match="no level 'word'; did you mean 'words'"):
        texts_of(titles, "word", "ru", 1)
    with pytest.raises(UsageError, match="no language 'all'"):
        texts_of(titles, "words", "all", 1)


def made(lengths, rho, within, d=200, seed=0):
    """Subword tokens with a common mean (rho), and a mean of their own in each text (within)."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=d)
    common *= np.sqrt(rho) / np.linalg.norm(common)  # its length is exact, whatever the draw
    scale = np.sqrt([within / d, (1 - rho - within) / d])
    return [
        common + rng.normal(size=d) * scale[0] + rng.normal(size=(k, d)) * scale[1] for k in lengths
    ]


def test_a_row_recovers_what_was_put_in():
    lengths = np.random.default_rng(1).integers(1, 30, size=500)
    row = growth_row(made(lengths, 0.15, 0.2))
    assert row["sigma2"] == pytest.approx(1, rel=0.03)
    assert row["within"] == pytest.approx(0.35, abs=4 * row["within_se"])
    assert row["between"] == pytest.approx(0.15, abs=4 * row["between_se"])
    for name in ("sum", "cosine"):
        assert row[name] == pytest.approx(row[f"{name}_formula"], abs=4 * row[f"{name}_se"] + 0.02)
    assert row["mean"] == pytest.approx(row["sum"] - 2, abs=1e-9)
    for place in row["bins"]:
        assert place["mean2"] == pytest.approx(place["mean2_formula"], abs=4 * place["mean2_se"])


def test_shuffled_tokens_have_no_correlation_of_their_own():
    lengths = np.random.default_rng(2).integers(2, 20, size=400)
    row = growth_row(made(lengths, 0.15, 0.3), shuffle=True, seed=1)
    assert row["within"] == pytest.approx(row["between"], abs=0.02)
    again = growth_row(made(lengths, 0.15, 0.3), shuffle=True, seed=1)
    assert again == row


def test_texts_of_one_token_are_refused():
    with pytest.raises(UsageError, match="no rho within a text"):
        growth_row([np.ones((1, 3))] * 5)
    with pytest.raises(UsageError, match="one length"):
        growth_row(list(np.random.default_rng(0).normal(size=(5, 2, 3))))


def test_an_encoder_without_tokens_is_refused():
    with pytest.raises(UsageError, match="has no tokens"):
        growth_in_model("random", "words", n_items=20)


def test_the_mean_of_the_states_is_what_the_model_pools(monkeypatch):
    """The last layer's states of a text average to its vector before it is normalised."""
    from paper_utils import load_encoder
    from paper_utils.checks import unit_rows
    from paper_utils.encoders.token_states import token_states

    texts = ["шуруповёрт", "Дрель ударная 18В", "saw"]
    encoder = load_encoder("untrained", seed=3)
    vectors = np.zeros((3, 384))
    for batch in token_states(encoder, texts):
        for row, states in zip(batch.rows, batch.vectors("last"), strict=True):
            vectors[row] = states.mean(axis=0)
    np.testing.assert_allclose(unit_rows(vectors), encoder.encode(texts), atol=1e-5)


# ----------------------------------------------------------------------------- records


def test_the_record_of_fertility_is_complete():
    kept = results.get("fragmentation-real-titles")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    seen = {(t["catalogue"], t["language"], t["tokenizer"]) for t, _, _ in kept.tasks}
    assert seen == {(c, s, t) for c in ("uhtt-tools", "diy") for s in LANGUAGES for t in MEASURED}
    for _, value, _ in kept.tasks:
        assert json.dumps(value, allow_nan=False)
        for row in value["titles"].values():
            assert sum(row["histogram"]) == row["n_words"]
            assert row["histogram"][0] / row["n_words"] == pytest.approx(row["single"])
            assert row["mean"] >= 1 and row["se"] > 0


def test_the_record_of_growth_is_complete():
    kept = results.get("norm-growth-real-titles")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    seen = {(t["catalogue"], t["level"], t["encoder"]) for t, _, _ in kept.tasks}
    assert seen == {(c, s, e) for c in ("uhtt-tools", "diy") for s in LEVELS for e in ENCODERS}
    for _, value, _ in kept.tasks:
        assert set(value) == {"input", "input, shuffled", "last", "last, shuffled"}
        for row in value.values():
            assert row["mean"] == pytest.approx(row["sum"] - 2, abs=1e-9)


def test_spellings_differ_in_ё_and_the_capital_alone():
    forms = spellings("дрель-шуруповёрт")
    assert forms["capital"] == "Дрель-шуруповёрт"
    assert forms["е for ё"] == "дрель-шуруповерт"
    assert [len(forms[name]) for name in ("as printed", "ё as two characters")] == [16, 17]
    assert len(set(forms.values())) == len(forms)


def test_the_record_of_multilingual_bert_is_complete():
    kept = results.get("fertility-mbert")
    assert not kept.stale, f"re-run: {kept.provenance['command']}"
    seen = {(t["catalogue"], t["language"]) for t, _, _ in kept.tasks}
    assert seen == {(c, s) for c in ("uhtt-tools", "diy") for s in LANGUAGES}
    assert set(PRINTED) == set(published("krasnov-pieces").value)
    cuts = kept.tasks[0][1]["spellings"]
    for word in PRINTED:
        for name, form in spellings(word).items():
            cut = cuts[word][name]
            assert "[UNK]" in cut or "".join(token.removeprefix("##") for token in cut) == form
            assert continuing(cut) < len(cut)


@pytest.mark.realdata
def test_a_slice_under_multilingual_bert_is_counted_again(paper_data):
    if not has_tokenizer("mbert"):
        pytest.skip("PAPER_TOKENIZERS names no folder with the vocabularies")
    task = {"catalogue": "diy", "language": "ru", "n_items": 1000}
    assert "agrees" in results.get("fertility-mbert").agrees(fertility_under_mbert(**task), **task)


def test_a_slice_of_fertility_is_counted_again():
    task = {"catalogue": "diy", "tokenizer": "minilm", "language": "en", "n_items": 1000}
    kept = results.get("fragmentation-real-titles")
    assert "agrees" in kept.agrees(fertility_of_titles(**task), **task)


@pytest.mark.realdata
def test_a_slice_of_fertility_of_real_titles_is_counted_again(paper_data):
    if not has_tokenizer("qwen"):
        pytest.skip("PAPER_TOKENIZERS names no folder with the vocabularies")
    task = {"catalogue": "uhtt-tools", "tokenizer": "qwen", "language": "en"}
    kept = results.get("fragmentation-real-titles")
    assert "agrees" in kept.agrees(fertility_of_titles(**task), **task)
