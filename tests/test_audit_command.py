"""`paper audit` as a user meets it: one command, one page, no traceback, nothing that runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner

from embedding_audit import audit, read_inputs
from embedding_audit.cloud.cluster import workers
from embedding_audit.cloud.forecast import forecast
from embedding_audit.formats import open_vectors
from embedding_audit.inputs import read_titles
from paper_utils.cli import main
from paper_utils.errors import PaperError
from test_book_browser import chromium  # noqa: F401  (a fixture)

HOSTILE = [
    "<script>window.ran = 1</script> drill",
    "<img src=x onerror='window.ran = 2'> drill",
    "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7 %> drill",
    r"\(\href{javascript:window.ran=3}{drill}\) $x$ $$y$$ \[z\]",
    "</td></table></div><svg onload='window.ran = 4'>",
    "[drill](javascript:alert(1)) **bold** `code` {glue:text}`found_rows`",
    "<a href='javascript:window.ran = 5' onclick='window.ran = 6'>drill</a>",
    '"quotes" & &amp; &lt;b&gt;',
]


def invoke(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """An audit of hostile texts under an odd path, with a row of NaN and judged queries."""
    folder = tmp_path_factory.mktemp("audit") / "an odd <b>folder 'and' \"so\" {{x}}"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 24)).astype(np.float32) + 1
    rows[: len(HOSTILE) * 2] = rows[0]  # the examples show them
    rows[110, 3] = np.nan
    np.save(folder / "rows $x$.npy", rows)
    np.save(folder / "queries.npy", rows[20:50] + 0.1)
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(120)]
    lines = [json.dumps({"title": t, "shop": f"<i>{i % 2}</i>"}) for i, t in enumerate(texts)]
    (folder / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    judged = "\n".join(f"{i} 0 {i + 20} 1" for i in range(30))
    (folder / "judged.qrels").write_text(judged)
    arguments = [folder / "rows $x$.npy", "--texts", folder / "texts.jsonl", "-o", folder / "out"]
    arguments += ["--queries", folder / "queries.npy", "--qrels", folder / "judged.qrels"]
    return folder / "out", invoke(*arguments)


@pytest.mark.slow
def test_it_ends_with_the_page_the_report_and_a_word_on_damage(audited):
    out, outcome = audited
    assert outcome.exit_code == 1, outcome.output  # a row holds NaN
    assert "foreseen: about" in outcome.output
    content = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert content["rows"]["nan"]["value"] == 1
    assert content["rows"]["used"]["value"] == 119
    assert content["relevance"]["recall_10"]["value"] > 0.9
    assert "rows with NaN left out: 1 of 120 (from 0: 110)" in content["notes"]
    assert (out / "html" / "book" / "chapters" / "20-audit.html").is_file()
    assert "Traceback" not in outcome.output


def page_of(out: Path) -> Path:
    """The rendered page."""
    return out / "html" / "book" / "chapters" / "20-audit.html"


@pytest.mark.slow
def test_texts_are_shown_as_they_are(audited):
    soup = BeautifulSoup(page_of(audited[0]).read_text(encoding="utf-8"), "html.parser")
    assert "{{ 7 * 7 }}" in soup.get_text()
    assert "<script>window.ran = 1</script>" in soup.get_text()
    assert not soup.select("img[onerror], svg[onload], a[onclick], a[href^=javascript]")
    assert all("window.ran" not in script.get_text() for script in soup.find_all("script"))


@pytest.mark.browser
def test_nothing_of_a_text_runs_in_a_browser(audited, chromium):  # noqa: F811
    page = chromium.new_page()
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(page_of(audited[0]).as_uri())
    page.wait_for_load_state("load")
    page.wait_for_timeout(1500)  # MathJax has run
    assert page.evaluate("window.ran") is None
    assert dialogs == []
    assert page.locator("a[href^='javascript']").count() == 0
    shielded = page.locator("div.mathjax_ignore, ul.mathjax_ignore")
    assert shielded.count() >= 3
    assert shielded.locator("mjx-container").count() == 0
    assert "\\href{javascript" in page.inner_text("body")
    page.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "EMBEDDINGS, or --model and --catalogue"),
        (["none.npy"], "none.npy: no such file"),
        (["rows.txt"], "files must be .npy"),
        (["a.npy", "--model", "minilm"], "not both"),
        (["--model", "minlm", "--catalogue", "diy"], "did you mean 'minilm'"),
        (["--model", "minilm"], "--model and --catalogue"),
        (["--model", "random", "--catalogue", "dyi"], "did you mean 'diy'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(arguments, words, tmp_path):
    outcome = invoke(*arguments, "-o", tmp_path)
    assert outcome.exit_code == 2
    (line,) = [line for line in outcome.output.splitlines() if line.startswith("paper: ")]
    assert words in line


def test_numbers_out_of_range_are_refused_before_anything_runs(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(30))
    for option, value in (("-k", "0"), ("--exact-up-to", "5"), ("--seed", "-1")):
        outcome = invoke(tmp_path / "a.npy", option, value, "-o", tmp_path / "out")
        assert outcome.exit_code == 2, outcome.output
        assert value in outcome.output
    outcome = invoke(tmp_path / "a.npy", "--qrels", "q.qrels", "-o", tmp_path / "out")
    assert outcome.exit_code == 2 and "--queries" in outcome.output


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of a user, some of which do not fit each other."""
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / "a.npy", np.random.default_rng(0).normal(size=(40, 6)))
    np.save(folder / "q.npy", np.random.default_rng(1).normal(size=(3, 6)))
    np.save(folder / "wide.npy", np.ones((3, 7)))
    titles = [f"drill {i}" for i in range(40)]
    texts = {
        "one.txt": "one\n",
        "three.txt": "a\nb\nc\n",
        "cut.csv": "title;brand\n" + "\n".join(f"{title}, new;x" for title in titles),
        "tabs.csv": "title\tbrand\n" + "\n".join(f"{title}\tx" for title in titles),
        "items.csv": "title\n" + "\n".join(titles),
        "gaps.csv": "title,shop\n,x\n" + "\n".join(f"{title},x" for title in titles),
        "ids.csv": "item_id,title\nnone,\n" + "\n".join(f"i{i},t{i}" for i in range(40)),
        "rows.qrels": "0 0 3 1\n",
        "far.qrels": "0 0 40 1\n",
        "names.qrels": "0 0 i3 1\n",
        "cut.csv.qrels.csv": "query-id;corpus-id;score\n0;3;1\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.npy", "--texts", "one.txt"], "1 texts for 40 vectors"),
        (["a.npy", "--texts", "cut.csv"], "cut by semicolons, not by commas"),
        (["a.npy", "--texts", "tabs.csv"], "cut by tabs, not by commas"),
        (["a.npy", "--queries", "wide.npy"], "7 columns"),
        (["a.npy", "--query-texts", "three.txt"], "query texts need queries"),
        (["a.npy", "--queries", "q.npy", "--query-texts", "one.txt"], "1 texts for 3 vectors"),
        (["a.npy", "--qrels", "rows.qrels"], "--queries"),
        (["a.npy", "--queries", "q.npy", "--qrels", "far.qrels"], "unknown document '40'"),
        (["a.npy", "--queries", "q.npy", "--qrels", "cut.csv.qrels.csv"], "cut by semicolons"),
        (["--catalogue", "items.csv", "--texts", "items.csv"], "--texts goes with EMBEDDINGS"),
        (["--catalogue", "items.csv", "--query-texts", "three.txt"], "--query-texts goes with"),
        (["--catalogue", "cut.csv"], "cut by semicolons"),
        (["--catalogue", "items.csv", "--queries", "q.npy"], "files must be .csv"),
        (["--catalogue", "items.csv", "--qrels", "rows.qrels"], "--queries"),
        (
            ["--catalogue", "gaps.csv", "--queries", "three.txt", "--qrels", "rows.qrels"],
            "40 of 41 rows are audited",
        ),
        (
            ["--catalogue", "ids.csv", "--queries", "three.txt", "--qrels", "rows.qrels"],
            "unknown document '3'; 40 are known, such as 'i0'",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_a_kernel_starts(
    files, arguments, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(files)
    monkeypatch.setattr("embedding_audit.command.run", None)
    more = ["--model", "random"] if "--catalogue" in arguments else []
    outcome = invoke(*arguments, *more, "-o", tmp_path / "out")
    (line,) = [line for line in outcome.output.splitlines() if line.startswith("paper: ")]
    assert (outcome.exit_code, outcome.output) == (2, line + "\n")
    assert words in line
    assert not (tmp_path / "out").exists()


def test_rows_that_cannot_be_used_are_a_users_mistake(tmp_path):
    np.save(tmp_path / "zeros.npy", np.zeros((40, 6)))
    outcome = invoke(tmp_path / "zeros.npy", "-o", tmp_path / "out")
    line = outcome.output.splitlines()[-1]
    assert outcome.exit_code == 2
    assert line.startswith(f"paper: {tmp_path / 'zeros.npy'} ")
    assert line.endswith(f"(as far as it came: {tmp_path / 'out' / '20-audit.failed.ipynb'})")
    assert not (tmp_path / "out" / "report.json").exists()


def test_a_scheduler_that_does_not_answer_is_said_first(files, monkeypatch, tmp_path):
    monkeypatch.setattr("embedding_audit.command.run", None)
    address = "tcp://127.0.0.1:1"
    outcome = invoke(files / "a.npy", "--scheduler", address, "-o", tmp_path / "out")
    assert outcome.exit_code == 1
    assert f"paper: no Dask scheduler answers at '{address}'" in outcome.output


def test_an_output_folder_that_cannot_be_written_is_said_first(files, monkeypatch):
    monkeypatch.setattr("embedding_audit.command.run", None)
    outcome = invoke(files / "a.npy", "-o", files / "one.txt" / "out")
    assert outcome.exit_code == 2
    assert f"paper: output folder {files / 'one.txt' / 'out'}: Not a directory" in outcome.output


def test_titles_with_ids_are_judged_by_them_whatever_rows_are_left_out(files):
    found = read_titles(
        str(files / "ids.csv"),
        queries=str(files / "three.txt"),
        qrels=str(files / "names.qrels"),
        language="all",
    )
    (column,) = found.relevance.indices
    assert found.table["title"].iloc[column] == "t3"


def test_texts_of_queries_put_words_beside_the_vectors(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 8)).astype(np.float32)
    np.save(tmp_path / "a.npy", rows)
    queries = rng.normal(size=(20, 8))
    np.savez(tmp_path / "q.npz", vectors=queries, ids=np.array([f"q{i}" for i in range(20)]))
    (tmp_path / "t.csv").write_text("title\n" + "\n".join(f"word{i} saw" for i in range(60)))
    lines = [f"q{i},word{i}" for i in reversed(range(20))]
    (tmp_path / "q.csv").write_text("id,text\n" + "\n".join(lines))
    (tmp_path / "j.qrels").write_text("\n".join(f"q{i} 0 {i} 1" for i in range(20)))
    names = {"queries": "q.npz", "texts": "t.csv", "query_texts": "q.csv", "qrels": "j.qrels"}
    paths = {name: str(tmp_path / file) for name, file in names.items()}
    found = audit(read_inputs(str(tmp_path / "a.npy"), **paths))
    assert found.input["query_texts"]
    # The vectors know nothing, the words name the item.
    assert found["relevance.recall_10"].value < 0.5
    assert found["relevance.recall_10_bm25"].value == 1
    assert found["relevance.hybrid_gain"].low > 0.3
    del paths["query_texts"]
    assert not audit(read_inputs(str(tmp_path / "a.npy"), **paths))[
        "relevance.hybrid_gain"
    ].measured


def test_help_has_an_example():
    outcome = invoke("--help")
    assert outcome.exit_code == 0
    assert "paper audit items.npy" in outcome.output


@pytest.mark.slow
def test_a_cluster_finds_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    rows = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    np.save(tmp_path / "a.npy", rows)
    inputs = read_inputs(str(tmp_path / "a.npy"))
    here = audit(inputs)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        with workers(cluster.scheduler_address) as where:
            there = audit(inputs, where=where)
    assert there.as_dict() == here.as_dict()


def test_nobody_answers_at_a_wrong_address():
    with pytest.raises(PaperError, match="no Dask scheduler answers at"):
        with workers("tcp://127.0.0.1:1"):
            pass


def test_a_forecast_grows_with_the_file(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2_000, 8), dtype=np.float32))
    small = forecast(open_vectors(tmp_path / "a.npy"), exact_up_to=50_000)
    assert small.exact and small.seconds < 60
    some = forecast(open_vectors(tmp_path / "a.npy"), exact_up_to=1_000)
    assert not some.exact and "a sample of" in str(some)
