"""A report as an audit makes it, filled by hand: every part of it is there."""

from __future__ import annotations

from types import SimpleNamespace

from embedding_audit.found import Action, Finding, WorstQuery
from embedding_audit.given import Match
from embedding_audit.measure import Measure, not_measured

NAME = "items <img src=x onerror='window.ran = 9'>.npy"

HOSTILE = (
    "<script>window.ran = 1</script> drill",
    "<img src=x onerror='window.ran = 2'> drill",
    "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7 %> drill",
    r"\(\href{javascript:window.ran=3}{drill}\) $x$ $$y$$",
    "</td></table></div></style><svg onload='window.ran = 4'>",
    "<a href='javascript:window.ran = 5' onclick='window.ran = 6'>drill</a>",
    '"quotes" & &amp; &lt;b&gt; \x00 nul \x1b[31m red \ud800 half',
    "left \u202e right to left \u2066 isolated",
    "long " * 20_000,
)


def measures(*, judged: bool = True) -> dict[str, Measure]:
    """Return measures of every group; those of quality where there are judgements."""
    found = {
        "rows.total": Measure(400, n=400),
        "rows.used": Measure(397, n=400),
        "rows.nan": Measure(3, n=400),
        "rows.zero": Measure(0, n=400),
        "rows.duplicate_share": Measure(0.1, 0.08, 0.13, n=397, null={"gaussian": 0}),
        "rows.largest_group": Measure(12, n=397),
        "cosine.mean": Measure(0.5, 0.48, 0.52, n=397, null={"gaussian": 0.5}),
        "hubness.raw.largest": Measure(60, 45, 75, n=360, null={"gaussian": 20}),
        "stability.int8": Measure(0.99, 0.98, 0.995, n=300, null={"gaussian": 0.998}),
        "stability.half": Measure(0.7, 0.65, 0.75, n=300, null={"gaussian": 0.6}),
        "stability.tied": Measure(0.0, 0.0, 0.01, n=300, null={"gaussian": 0.0}),
        "slices_summary.language_gap": not_measured("no texts were given"),
    }
    if judged:
        found |= {
            "relevance.recall_10": Measure(0.7, 0.6, 0.8, n=60, null={"shuffled": 0.02}),
            "relevance.ndcg_10": Measure(0.6, 0.5, 0.7, n=60, null={"shuffled": 0.01}),
        }
    return found


def made_report(*, judged: bool = True, texts: tuple[str, ...] = HOSTILE) -> SimpleNamespace:
    """Return something with the fields of a Report; `texts` stand wherever a user's text may."""
    gain = Measure(0.05, 0.01, 0.09, n=60)
    loss = Measure(-0.04, -0.07, -0.01, n=60)
    actions = (
        Action("whiten", "Whitening", "gain", loss, "nDCG@10", False, "how", "cost"),
        Action(
            "int8", "One byte", "saving", Measure(0, -0.002, 0.002), "nDCG@10", True, "h", "cost"
        ),
        Action("centre", "Centre the documents", "gain", gain, "nDCG@10", True, "how", "cost"),
        Action("bm25", "Add BM25", "gain", not_measured("no texts"), "nDCG@10", False, "h", "c"),
    )
    findings = tuple(
        Finding(f"rows.{name}", f"Sentence {name}: 3 of 400 (null: 0).", severity)
        for name, severity in (("a", 0.2), ("b", 0.9), ("c", 0.4), ("d", 0.7))
    )
    worst = tuple(
        WorstQuery(f"q{i}", text, 0.0, ((f"d{i}", text),), ((text[:50], None, 77),))
        for i, text in enumerate(texts)
    )
    curve = [{"depth": d, "recall": d / 200, "oracle": 0.5, "shuffled": 0.01} for d in (1, 10, 100)]
    return SimpleNamespace(
        input={
            "name": f"data/{NAME}",
            "rows": 400,
            "columns": 32,
            "dtype": "float32",
            "queries": 60,
        }
        | ({} if not judged else {"texts": True}),
        settings={"k": 10, "metric": "cosine", "seed": 0},
        matches=(Match("texts", "id `custom_id`", 400, 400),),
        notes=(f"a note that names {texts[1]}",),
        measures=measures(judged=judged),
        slices=[
            SimpleNamespace(by="shop", value=text, n=60, measures={"seen": Measure(0.5, 0.4, 0.6)})
            for text in texts
        ],
        findings=findings,
        actions=actions,
        worst=worst if judged else (),
        curves={"spectrum": [3.0, 1.0, 0.5], "spectrum_shuffled": [1.6, 1.5, 1.4]}
        | {"occurrence": [4, 0, 3, 0, 0, 1]}
        | ({"recall": curve} if judged else {}),
        examples={
            "hubs": [{"row": i, "text": text, "count": 9} for i, text in enumerate(texts)],
            "near": [
                {"row": 1, "text": texts[0], "cosine": 0.999, "like_row": 2, "like_text": texts[1]}
            ],
            "outliers": [{"row": 3, "text": texts[0], "score": 0.1}],
        },
        comparison=None,
    )
