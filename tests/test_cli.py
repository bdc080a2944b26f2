"""The `paper` command: help with an example, one-line errors, exit codes 0, 1 and 2."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from book_in_miniature import PARAMETERS, RECORD, cell, make_book
from paper_utils.cli import main


def paper(*arguments):
    """Run the command; return (exit code, standard output, standard error)."""
    outcome = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.exit_code, outcome.stdout, outcome.stderr


@pytest.fixture
def book_root(tmp_path, monkeypatch):
    """A tiny book, its root named in the environment."""
    root = make_book(tmp_path / "book")
    monkeypatch.setenv("PAPER_ROOT", str(root))
    return root


def commands(group=main, path=()):
    """Yield the path of every command and group."""
    yield path
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            yield from commands(group.get_command(context, name), (*path, name))


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_help_has_an_example(path):
    code, text, _ = paper(*path, "--help")
    assert code == 0
    example = text.split("Example")[1]
    assert "paper " in example or "embedding-audit " in example


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["buld"], "no command 'buld'; did you mean 'build'"),
        (["run", "frist"], "no chapter 'frist'"),
        (["run", "first", "-p", "n_itms", "3"], "did you mean 'n_items'"),
        (["run", "first", "-p", "n_items", "3"], "at least 50"),
        (["run", "first", "-f", "none.yml"], "none.yml"),
        (["build", "--profile", "ful"], "did you mean 'full'"),
        (["claims", "--source", "krasnv"], "no claim has the source 'krasnv'"),
        (["claims", "--chapter", "x"], "no claim has the chapter 'x'"),
        (["results", "run", "nothing-like-it"], "no experiment 'nothing-like-it'"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_2(book_root, arguments, message):
    code, _, error = paper(*arguments)
    assert code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_a_broken_parameter_file_is_one_line(book_root, tmp_path):
    path = tmp_path / "p.yml"
    for text in ("a: [1", "- 1\n- 2\n", "\x00"):
        path.write_text(text)
        code, _, error = paper("run", "first", "-f", path)
        assert (code, len(error.strip().splitlines())) == (2, 1)


def test_outside_a_book_it_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.setenv("PAPER_ROOT", str(tmp_path))
    code, _, error = paper("list")
    assert code == 1
    assert "no book found in PAPER_ROOT=" in error


def test_what_the_system_refuses_is_one_line(book_root):
    ledger = book_root / "book" / "claims.yml"
    ledger.unlink()
    ledger.mkdir()
    code, out, error = paper("claims")
    assert (code, out) == (1, "")
    assert error.startswith("paper: ") and str(ledger) in error
    assert len(error.strip().splitlines()) == 1


def test_a_run_into_a_folder_that_cannot_be_is_refused_at_once(book_root, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, error = paper("run", "first", "-o", tmp_path / "file" / "out")
    assert code == 2
    assert error == f"paper: output folder {tmp_path / 'file' / 'out'}: Not a directory; " + (
        "choose another with -o\n"
    )


def test_list_build_claims(book_root):
    assert "first  [missing]" in paper("list")[1]
    code, _, error = paper("build", "--no-html")
    assert (code, "1 chapters executed" in error) == (0, True)
    (entry,) = json.loads(paper("list", "--json")[1])
    assert entry["state"] == "fresh"
    assert next(item["name"] for item in entry["parameters"]) == "n_items"

    code, out, error = paper("claims", "--json")
    content = json.loads(out)
    assert content["schema_version"] == 2
    assert content["counts"]["own"]["holds"] == content["counts"]["status"]["recomputed"] == 1
    wanted = {"id", "source", "at", "statement", "claimed", "kind", "data", "rule", "chapter"}
    wanted |= {"measured", "interval", "n", "seeds", "profile", "verdict", "status", "judged"}
    assert wanted <= set(content["claims"][0])
    assert content["claims"][0]["verdict"] == "holds"
    assert (code, "no accepted value yet" in error) == (1, True)

    folder = book_root / "tests" / "expected"
    folder.mkdir(parents=True)
    entry = {"chapter": "first", "verdict": "holds", "measured": 100.0, "data": {}}
    (folder / "default.json").write_text(json.dumps({"T-1": entry}))
    assert paper("claims")[::2] == (0, "")
    source = book_root / "notebooks" / "01-first.md"
    text = source.read_text()
    source.write_text(text + "\nMore.\n")
    assert "note: not measured from the present sources: first" in paper("claims")[2]
    source.write_text(text)
    (folder / "default.json").write_text(json.dumps({"T-1": entry | {"verdict": "fails"}}))
    code, _, error = paper("claims")
    assert (code, "verdict 'holds', accepted 'fails'" in error) == (1, True)
    (folder / "default.json").write_text(json.dumps({"T-1": entry | {"measured": 101.0}}))
    code, _, error = paper("claims")
    assert (code, "measured 100, accepted 101" in error) == (1, True)


@pytest.mark.slow
def test_run_prints_where_the_notebook_is(book_root, tmp_path):
    (tmp_path / "p.yml").write_text("n_items: 70\nnoise: 1\n")
    arguments = ["run", "first", "-f", tmp_path / "p.yml", "-p", "n_items", "60"]
    code, out, _ = paper(*arguments, "-o", tmp_path / "out")
    assert code == 0
    notebook = tmp_path / "out" / "01-first.ipynb"
    assert str(notebook) in out
    given = json.loads(notebook.read_text())["metadata"]["paper"]["parameters"]
    assert given == {"n_items": 60, "noise": 1.0}


@pytest.mark.slow
def test_a_failing_chapter_is_exit_1_without_a_traceback(tmp_path, monkeypatch):
    root = make_book(tmp_path / "book", {"01-first.md": PARAMETERS + RECORD + cell("1 / 0")})
    monkeypatch.setenv("PAPER_ROOT", str(root))
    code, out, error = paper("build")
    assert code == 1
    assert "paper: first failed: cell 4: ZeroDivisionError: division by zero" in error
    assert "Traceback" not in out + error
    code, _, error = paper("run", "first", "-o", tmp_path / "out")
    assert (code, "ZeroDivisionError" in error) == (1, True)


@pytest.mark.parametrize("command", ["models", "data"])
def test_models_and_data_say_what_is_reachable(command):
    code, out, _ = paper(command, "--json")
    rows = json.loads(out)
    assert code == 0 and all(row["name"] and row["what"] for row in rows)
    code, text, _ = paper(command)
    assert code == 0 and rows[0]["name"] in text
