"""`embedding-audit` as a user meets it: an answer, a line for a mistake, nothing half-written."""

from __future__ import annotations

import json
import re
import shlex
import tomllib

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from embedding_audit import cli
from paper_utils.cli import main as paper

HOSTILE = "<script>window.ran = 1</script> \x1b[31m \u202e drill"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """The working folder of a test is its own: a config file of the checkout is none of its."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: exit code, what it printed, what it complained of."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["embedding-audit", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        told = capsys.readouterr()
        return stopped.value.code or 0, told.out, told.err

    return call


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Vectors with judged queries, each of which finds its own item first."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 12)).astype(np.float32)
    np.save(folder / "vectors.npy", rows)
    np.save(folder / "queries.npy", rows[:30] + 0.1)
    np.save(folder / "wide.npy", np.ones((3, 13), np.float32))
    (folder / "judged.tsv").write_text("\n".join(f"{i} 0 {i} 1" for i in range(30)) + "\n")
    damaged = rows.copy()
    damaged[7, 3] = np.nan
    np.save(folder / "damaged.npy", damaged)
    lines = [json.dumps({"title": HOSTILE + str(i)}) for i in range(80)]
    (folder / "texts.jsonl").write_text("\n".join(lines))
    return folder


def judged(files):
    """Arguments that name everything."""
    paths = {"queries": "queries.npy", "qrels": "judged.tsv", "texts": "texts.jsonl"}
    named = [part for name, file in paths.items() for part in (f"--{name}", files / file)]
    return [files / "vectors.npy", *named]


def test_the_answer_is_printed_and_two_files_are_written(files, run, tmp_path):
    code, out, err = run(*judged(files), "-o", tmp_path / "out")
    assert code == 0, err
    assert "foreseen: about" in err
    flat = " ".join(out.split())  # lines are as wide as the terminal
    assert "recall@10 1.000" in flat and "30 queries" in flat
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["index.html", "report.json"]
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert content["relevance"]["recall_10"]["value"] == 1
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page and "\x1b" not in out + page


def test_rows_that_are_damaged_are_a_breach(files, run, tmp_path):
    code, out, err = run(files / "damaged.npy", "-o", tmp_path / "out")
    assert code == 1 and "fail: 1 rows with NaN" in err.splitlines()
    assert "1 of 80 rows hold NaN" in " ".join(out.split())
    assert (tmp_path / "out" / "report.json").is_file()


def test_conditions_and_a_baseline_decide_on_the_exit_code(files, run, tmp_path):
    given = [*judged(files), "-o", tmp_path / "out"]
    code, _, err = run(*given, "--fail-on", "recall@10<1.1", "--fail-on", "mrr<0.1")
    (line,) = [line for line in err.splitlines() if line.startswith("fail: ")]
    assert code == 1 and line.startswith("fail: recall@10<1.1: relevance.recall_10 is 1")
    old = tmp_path / "out" / "report.json"
    code, _, err = run(*given, "--baseline", old, "--tolerance", "0")
    assert code == 0 and "fail" not in err
    code, _, err = run(*given, "--baseline", old, "-k", "5")
    assert code == 2 and "was made with k = 10, this audit has 5" in err


def test_a_config_file_gives_the_options_and_the_command_line_wins(files, run, tmp_path):
    settings = {"embeddings": files / "vectors.npy", "queries": files / "queries.npy"}
    settings |= {"qrels": files / "judged.tsv", "out": tmp_path / "out"}
    lines = [f"{name} = {json.dumps(str(value))}" for name, value in settings.items()]
    lines.append('fail-on = ["recall@10<1.1"]')
    (tmp_path / "embedding-audit.toml").write_text("\n".join(lines))
    assert run()[0] == 1
    assert run("--fail-on", "recall@10<0.1")[0] == 0
    (tmp_path / "embedding-audit.toml").write_text("querys = 1\n")
    code, _, err = run(files / "vectors.npy")
    assert code == 2 and "did you mean 'queries'" in err


WRONG = [
    ([], "EMBEDDINGS, or --model and --catalogue"),
    (["none.npy"], "none.npy"),
    (["a.npy", "--model", "minilm"], "not both"),
    (["--model", "minilm"], "--model and --catalogue"),
    (["a.npy", "-k", "0"], "'-k': 0 is not in the range"),
    (["a.npy", "--exact-up-to", "5"], "5 is not in the range"),
    (["a.npy", "--seed", "-1"], "-1 is not in the range"),
    (["a.npy", "--metric", "cos"], "'cos' is not one of 'cosine', 'dot', 'l2'"),
    (["a.npy", "--dtype", "int9"], "'int9' is not one of"),
    (["a.npy", "--querys", "q.npy"], "'--queries'"),
    (["a.npy", "--fail-on", "recal@10<1"], "did you mean 'recall@10'"),
    (["a.npy", "--fail-on", "recall@10=1"], "one of < <= > >="),
    (["a.npy", "--tolerance", "0.1"], "--tolerance goes with --baseline"),
    (["a.npy", "--baseline", "none.json"], "none.json: No such file"),
    (["a.npy", "--against-queries", "q.npy"], "goes with --against"),
    (["a.npy", "--config", "none.toml"], "none.toml: No such file"),
    (["a\0b.npy"], "zero character"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_wrong_use_is_one_line_and_exit_code_2(arguments, words, run):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("embedding-audit: ") and words in line


@pytest.mark.parametrize(("arguments", "words"), WRONG[:8])
def test_paper_audit_is_the_same_command(arguments, words):
    outcome = CliRunner().invoke(paper, ["audit", *arguments])
    (line,) = outcome.output.splitlines()
    assert outcome.exit_code == 2 and line.startswith("paper: ") and words in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--queries", "wide.npy"], "13 columns"),
        (["--qrels", "judged.tsv"], "--queries"),
        (["--query-texts", "texts.jsonl"], "--queries"),
        (["--texts", "none.csv"], "none.csv"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(
    files, arguments, words, run, monkeypatch, tmp_path
):
    monkeypatch.chdir(files)
    code, out, err = run("vectors.npy", *arguments, "-o", tmp_path / "out")
    (line,) = err.splitlines()
    assert (code, out) == (2, "") and words in line
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made_is_said_first(files, run):
    code, _, err = run(files / "vectors.npy", "-o", files / "judged.tsv" / "out")
    assert code == 2
    assert err.splitlines()[-1].endswith("judged.tsv/out: Not a directory")


def test_a_scheduler_that_does_not_answer_is_one_line(files, run, tmp_path):
    pytest.importorskip("distributed")
    address = "tcp://127.0.0.1:1"
    code, _, err = run(files / "vectors.npy", "--scheduler", address, "-o", tmp_path / "out")
    assert code == 1 and f"no Dask scheduler answers at '{address}'" in err.splitlines()[-1]


@pytest.mark.parametrize("where", ["report.audit", "page.html"])
def test_an_interruption_is_one_line_and_leaves_the_old_files(
    files, run, tmp_path, monkeypatch, where
):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("report.json", "index.html"):
        (out / name).write_text("old")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"embedding_audit.{where}", stop)
    code, _, err = run(files / "vectors.npy", "-o", out)
    assert code == 130
    assert err.splitlines()[-1] == "embedding-audit: interrupted; nothing half-written is left"
    assert {one.name: one.read_text() for one in out.iterdir()} == dict.fromkeys(
        ("report.json", "index.html"), "old"
    )


def test_help_has_an_example_and_every_option_a_line(run):
    code, out, _ = run("--help")
    assert code == 0 and "embedding-audit items.npy" in out
    for option in ("--fail-on", "--baseline", "--tolerance", "--against", "--id-column", "--dtype"):
        assert option in out


def test_the_example_for_github_is_a_workflow_and_its_command_runs(files, root, run, monkeypatch):
    page = (root / "book" / "api" / "audit.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (job,) = yaml.safe_load(text)["jobs"].values()
    (command,) = [s["run"] for s in job["steps"] if s.get("run", "").startswith("embedding-audit")]
    monkeypatch.chdir(files)
    assert run(*shlex.split(command)[1:])[0] == 0
    kept = [step["with"]["path"] for step in job["steps"] if "upload" in step.get("uses", "")]
    assert [(files / path / "report.json").is_file() for path in kept] == [True]
    (settings,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (files / "embedding-audit.toml").write_text(settings)
    assert tomllib.loads(settings)["fail-on"] and run()[0] == 0
    (files / "embedding-audit.toml").unlink()
