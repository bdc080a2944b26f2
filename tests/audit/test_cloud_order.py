"""What vectors look like is the same for any order of the rows."""

import numpy as np
import pandas as pd
import pytest
from cloud_rows import cloud_rows, measured, vectors_of
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from embedding_audit.words import METRIC_DEPENDENT, with_sentences

#: Measures of the file as it stands: its order is what they are about.
OF_THE_ORDER = {"rows.copied_block"}


def numbers(found):
    """Return every number of what was measured, by name."""
    groups = {"": found.measures}
    groups |= {f"{one.by}={one.value} ": one.measures for one in found.slices}
    flat = {}
    for group, measures in groups.items():
        for key, one in measures.items():
            if key not in OF_THE_ORDER:
                parts = {"value": one.value, "low": one.low, "high": one.high} | dict(one.null)
                flat |= {f"{group}{key} {name}": value for name, value in parts.items()}
    return flat


def assert_equal(one, other):
    """Compare what was measured to 1e-9 of each number."""
    a, b = numbers(one), numbers(other)
    assert a.keys() == b.keys()
    for key, value in a.items():
        assert value == b[key] or value == pytest.approx(b[key], rel=1e-9, abs=1e-12), key
    for name, rows in one.examples.items():
        texts = [row["text"] for row in rows]
        assert texts == [row["text"] for row in other.examples[name]], name


@settings(max_examples=8, deadline=None, phases=[Phase.generate])  # shrinking takes minutes
@given(
    st.integers(350, 450),
    st.sampled_from(["cosine", "dot", "l2"]),
    st.booleans(),
    st.sampled_from([0, 512 * 2**20]),
    st.sampled_from([50_000, 200]),
    st.integers(0, 99),
)
def test_any_order_of_the_rows_gives_the_same(n, metric, asked, room, exact_up_to, seed):
    rng = np.random.default_rng(seed)
    rows = cloud_rows(n=n, d=17, seed=seed)
    rows[11], rows[12] = 0, np.nan
    rows[20] = rows[19] + 1e-3  # a near-duplicate
    columns = pd.DataFrame({"colour": rng.choice(["red", "blue"], n)})
    texts = np.array(
        [f"{'x' * (int(row.sum() * 99) % 9)}{row.sum():.3f}" for row in np.nan_to_num(rows)]
    )
    queries, own = rows[40:70], np.arange(40, 70)

    def run(order):
        place = np.argsort(order)
        more = {"queries": vectors_of(queries), "own": place[own]} if asked else {}
        return measured(
            rows[order],
            exact_up_to,
            texts=tuple(map(str, texts[order])),
            columns=columns.iloc[order].reset_index(drop=True),
            metric=metric,
            **more,
        )

    with pytest.MonkeyPatch.context() as patch:
        for module in ("cloud", "points"):
            patch.setattr(f"embedding_audit.cloud.{module}.ROOM", room)
        assert_equal(run(np.arange(n)), run(rng.permutation(n)))


def test_only_what_is_named_depends_on_the_metric():
    rows = cloud_rows() * np.linspace(0.5, 2, 500, dtype=np.float32)[:, None]
    by_cosine, by_dot = (numbers(measured(rows, metric=metric)) for metric in ("cosine", "dot"))
    changed = {key for key in by_cosine.keys() | by_dot if by_cosine.get(key) != by_dot.get(key)}
    assert changed and all(key.startswith(METRIC_DEPENDENT) for key in changed), changed


def test_what_depends_on_the_metric_names_it():
    found = measured(cloud_rows(n=301), metric="dot").measures
    for key, one in with_sentences(found, metric="dot").items():
        named = one.sentence.endswith(" (by inner product).")
        own = key == "stability.cosine"  # names what it compares
        assert named == (one.measured and key.startswith(METRIC_DEPENDENT) and not own), key


def test_lengths_do_not_matter_to_cosines_nor_a_common_scale_to_anything():
    rows = cloud_rows(duplicates=0)
    lengths = np.linspace(0.5, 2, 500, dtype=np.float32)[:, None]
    one, other = (numbers(measured(X)) for X in (rows, 2.0 ** np.rint(np.log2(lengths)) * rows))
    for key in one.keys() - {key for key in one if key.startswith(("norms.", "stability.dot"))}:
        assert one[key] == other[key], key
    for metric in ("dot", "l2"):
        one, other = (numbers(measured(X, metric=metric)) for X in (rows, 1024 * rows))
        for key in one.keys() - {key for key in one if key.startswith("norms.")}:
            assert one[key] == other[key], key
