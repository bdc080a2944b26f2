"""What the diagrams of five chapters print is what their drawn points measure."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from paper_chapters.hubness.plane_hub import plane_clouds
from paper_chapters.margin.plane import on_circle, widest_query
from paper_chapters.search_engine import architectures
from paper_utils import (
    cosine_moments_by_pairs,
    load_encoder,
    maxsim,
    participation_ratio,
    token_states,
)
from paper_utils.book.chapters import find_chapters, pick_chapter
from paper_utils.errors import UsageError
from paper_utils.theory.construction import set_margins
from paper_utils.theory.margin import largest_margin


@pytest.fixture
def drawn(root, monkeypatch):
    """Run one figure's cell after imports and parameters; give its names, glued numbers, titles."""
    monkeypatch.setattr(plt, "show", lambda: None)

    def run(slug, name):
        chapter = pick_chapter(find_chapters(root), slug)
        cells = [cell for cell in chapter.notebook.cells if cell.cell_type == "code"]
        end = next(i for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", []))
        space, glued = {"__name__": "__main__"}, {}
        for cell in cells[: end + 1]:
            exec(cell.source, space)
        space["glue"] = glued.__setitem__
        (cell,) = [
            c for c in cells if c.metadata.get("mystnb", {}).get("figure", {}).get("name") == name
        ]
        exec(cell.source, space)
        titles = [ax.get_title(loc="left") for ax in space["fig"].axes]
        return space, glued, titles

    yield run
    plt.close("all")


def test_four_numbers_answer_every_pair(drawn):
    space, glued, titles = drawn("free-embeddings", "fig-four-numbers")
    t = 2 * np.pi * np.arange(12) / 12
    four = np.stack([np.cos(t), np.sin(t), np.cos(2 * t), np.sin(2 * t)], axis=1) / np.sqrt(2)
    np.testing.assert_allclose(space["numbers"], four, atol=1e-12)
    assert glued["four_held"] == glued["four_pairs"] == 66
    bars = {}
    for ax, title in zip(space["fig"].axes[1:], titles[1:], strict=True):
        names, gap = title.split(": gap ")
        pair = {int(name) - 1 for name in names.split(" and ")}
        scores = np.array([bar.get_height() for bar in ax.patches])
        assert set(np.argsort(-scores)[:2]) == pair
        assert np.linalg.matrix_rank(np.column_stack([four, scores])) == 4  # linear in the numbers
        bars[frozenset(pair)] = float(gap)
        assert -np.diff(np.sort(scores)[::-1])[1] == pytest.approx(float(gap), abs=5e-4)
    assert min(bars.values()) == pytest.approx(glued["four_narrowest"], abs=5e-4)
    assert max(bars.values()) == pytest.approx(glued["four_widest"], abs=5e-4)


def test_a_hub_is_the_nearest_of_as_many_queries_as_is_printed(drawn):
    _, glued, titles = drawn("hubness", "fig-hub")
    most = np.array(
        [
            [np.bincount(cdist(Q, D).argmin(axis=1)).max() for D, Q in plane_clouds(0, i).values()]
            for i in range(glued["drawn_clouds"])
        ]
    )
    assert [int(title.split(": ")[1]) for title in titles] == most[0].tolist()
    assert [glued["drawn_apart"], glued["drawn_centred"]] == most[0].tolist()
    means = [glued[f"drawn_{name}_mean"] for name in ("apart", "centred")]
    np.testing.assert_allclose(means, most.mean(0))


def test_clouds_less_their_means_keep_their_shape():
    (D, Q), (D0, Q0) = plane_clouds(3, 1).values()
    for cloud, moved in ((D, D0), (Q, Q0)):
        np.testing.assert_allclose(moved.mean(0), 0, atol=1e-12)
        np.testing.assert_allclose(cdist(moved, moved), cdist(cloud, cloud), atol=1e-9)


def test_two_collapses_print_what_their_clouds_measure(drawn):
    space, glued, titles = drawn("cosine-collapse", "fig-three-clouds")
    for key, cloud, title in zip(
        ("even", "mean", "few"), space["clouds"].values(), titles[3:], strict=True
    ):
        U = cloud / np.linalg.norm(cloud, axis=1, keepdims=True)
        mean, var = cosine_moments_by_pairs(U)
        assert glued[f"sphere_{key}"] == pytest.approx(mean)
        assert glued[f"sphere_{key}_sd"] == pytest.approx(np.sqrt(var))
        size = participation_ratio(np.linalg.eigvalsh(np.cov(U.T)))
        assert title == f"mean {mean:z.2f}\n$d_{{eff}}$ {size:.1f}"
    assert glued["sphere_mean_sd"] < glued["sphere_even_sd"] < glued["sphere_few_sd"]


def test_margins_are_those_of_the_package(drawn):
    _, glued, titles = drawn("margin", "fig-margin-plane")
    assert glued["plane_even"] == pytest.approx(largest_margin(3, 2))
    assert glued["plane_close"] == pytest.approx(2 * np.sin(np.pi / 12))  # a chord of 30 degrees
    assert titles == [f"margin {glued[key]:.2f}" for key in ("plane_even", "plane_close")]


@given(st.lists(st.integers(0, 359), min_size=3, max_size=3, unique=True))
def test_no_query_of_the_plane_has_a_wider_margin(degrees):
    trio = on_circle(degrees)
    for a, b in combinations(range(3), 2):
        pair = [trio[a], trio[b], trio[3 - a - b]]
        best = widest_query(*pair)
        assert np.linalg.norm(best) == pytest.approx(1)
        (margin,) = set_margins(pair, best[None], [[0, 1]])
        scores = on_circle(np.arange(0, 360, 0.25)) @ np.transpose(pair)
        assert (scores[:, :2].min(axis=1) - scores[:, 2]).max() <= margin + 1e-9


def test_a_document_between_the_two_cannot_be_last():
    with pytest.raises(UsageError, match="between the two"):
        widest_query([1, 0], [0, 1], [0.5, 0.5])


def test_architectures_print_what_the_encoder_and_its_tokens_score(drawn):
    _, glued, titles = drawn("search-engine", "fig-architectures")
    texts = ["drill 18 V", "cordless drill, 18 V", "cordless drill, 12 V"]
    encoder, states = load_encoder("minilm"), {}
    for batch in token_states(encoder, texts):
        states |= dict(zip(batch.rows.tolist(), batch.vectors(), strict=True))
    means = np.stack([states[i].mean(axis=0) for i in range(3)])  # MiniLM's vector is their mean
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    late = maxsim([states[0]], [states[1], states[2]])[0]
    for i, name in enumerate(("same", "other")):
        cosine = glued[f"architecture_{name}_cosine"]
        assert cosine == pytest.approx(means[0] @ means[1 + i], abs=1e-5)
        assert glued[f"architecture_{name}_tokens"] == pytest.approx(late[i], abs=1e-5)
        assert f"{texts[1 + i]}: {late[i]:.2f}" in titles
    assert glued["architecture_stored_tokens"] == states[1].size
    assert glued["architecture_stored"] == states[1].shape[1]


def test_architectures_know_the_tokens_that_they_name():
    (one,) = architectures.meetings(load_encoder("minilm"), "drill", ["impact drill"])
    assert one.query_tokens == ["[CLS]", "drill", "[SEP]"]
    assert one.title_tokens == ["[CLS]", "impact", "drill", "[SEP]"]
    assert one.cosines.shape == (3, 4)
    with pytest.raises(UsageError, match="two titles, not 1"):
        architectures.draw([one])
    with pytest.raises(UsageError, match="'random' shows no tokens"):
        architectures.meetings(load_encoder("random"), "drill", ["impact drill"])
