"""The strict runner: nothing stale, nothing half-written, nothing left behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from book_in_miniature import HEADER, PARAMETERS, RECORD, cell, make_book
from interruption import stop_builds
from paper_utils.book import make, runner, site, state
from paper_utils.book.chapters import Chapter, Parameter, find_chapters, pick_chapter
from paper_utils.book.make import build
from paper_utils.book.runner import build_folder
from paper_utils.book.state import Book
from paper_utils.errors import PaperError, UsageError
from paper_utils.results import record


@pytest.fixture
def book_root(tmp_path, monkeypatch):
    """A tiny book, its root named in the environment."""
    root = make_book(tmp_path / "book")
    monkeypatch.setenv("PAPER_ROOT", str(root))
    return root


def executed(root, profile="default"):
    """Build without HTML; return the names of the chapters that were executed."""
    return sorted(outcome.job.name for outcome in build(Book(root, profile), html=False).outcomes)


# ------------------------------------------------------------------------- parameters


def test_parameters_are_read_with_defaults_and_meaning(book_root):
    found = find_chapters(book_root)[0].parameters
    assert {name: item.default for name, item in found.items()} == {
        "n_items": 200,
        "language": "ru",
        "noise": 0.1,
        "seeds": [0, 1],
    }
    assert found["language"].choices == ["ru", "en"]
    assert (found["n_items"].bound("at least"), found["n_items"].bound("at most")) == (50, 5000)


def test_papermill_sees_the_same_parameters(book_root, tmp_path):
    import papermill

    chapter = find_chapters(book_root)[0]
    path = tmp_path / "x.ipynb"
    nbformat.write(chapter.notebook, path)
    assert set(papermill.inspect_notebook(path)) == set(chapter.parameters)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n_items", "100", 100),
        ("n_items", "1e2", 100),
        ("noise", "1", 1.0),
        ("seeds", "[3, 4]", [3, 4]),
        ("seeds", "3,4", [3, 4]),
        ("seeds", "3", [3]),
        ("language", "en", "en"),
    ],
)
def test_values_take_the_type_of_the_default(book_root, name, text, value):
    assert find_chapters(book_root)[0].resolve({name: text}) == {name: value}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_itms": "3"}, "no parameter 'n_itms'; did you mean 'n_items'"),
        ({"n_items": "many"}, "must be a whole number like 200, not 'many'"),
        ({"n_items": "2.5"}, "must be a whole number"),
        ({"n_items": "true"}, "must be a whole number"),
        ({"n_items": "49"}, "must be at least 50, not 49"),
        ({"n_items": "5001"}, "must be at most 5000"),
        ({"language": "de"}, "'de'; Allowed: ru, en"),
        ({"noise": "loud"}, "must be a number"),
        ({"seeds": "[]"}, "must be a list"),
        ({"seeds": "a,b"}, "must be a whole number"),
    ],
)
def test_a_wrong_parameter_is_an_error_before_anything_runs(book_root, given, message):
    with pytest.raises(UsageError, match=message) as error:
        find_chapters(book_root)[0].resolve(given)
    assert "\n" not in str(error.value)


def test_one_of_lists_end_at_punctuation():
    assert Parameter("x", "a", "one of: a, b (c)").choices == ["a", "b"]


@pytest.mark.parametrize("name", ["first", "01-first", "1", "01", "notebooks/01-first.md"])
def test_a_chapter_goes_by_many_names(book_root, name):
    assert pick_chapter(find_chapters(book_root), name).slug == "first"


def test_an_unknown_chapter_is_named_with_the_nearest(book_root):
    with pytest.raises(UsageError, match="no chapter 'frist'; did you mean 'first'"):
        pick_chapter(find_chapters(book_root), "frist")
    chapters = [*find_chapters(book_root), Chapter(Path("02-a-long-name.md"))]
    with pytest.raises(UsageError, match="no chapter 'a-l'; did you mean 'a-long-name'"):
        pick_chapter(chapters, "a-l")


def test_shared_names_are_checked_before_a_kernel_starts():
    with pytest.raises(PaperError, match=r"no-such-file\.csv"):
        state.check_shared_names({"catalogue": "no-such-file.csv"})
    with pytest.raises(PaperError, match="minlm"):
        state.check_shared_names({"models": ["random", "minlm"]})


def test_a_profile_may_not_name_what_does_not_exist(book_root):
    (book_root / "profiles.yml").write_text("smoke:\n  first: {n_itms: 60}\n")
    with pytest.raises(PaperError, match=r"profiles.yml, smoke.*n_itms"):
        build(Book(book_root, "smoke"))
    with pytest.raises(UsageError, match="profile 'fulll'; did you mean 'full'"):
        Book(book_root, "fulll")


# -------------------------------------------------------------------------- staleness


@pytest.mark.slow
def test_a_build_is_repeated_only_when_something_changed(book_root):
    assert executed(book_root) == ["first"]
    built = book_root / "book" / "chapters" / "01-first.ipynb"
    first = built.read_bytes()
    assert executed(book_root) == []
    source = book_root / "notebooks" / "01-first.md"
    os.utime(source, (1, 1))
    assert executed(book_root) == [], "touching a file changes nothing"
    built.unlink()
    assert executed(book_root) == ["first"]
    assert built.read_bytes() == first, "two builds are byte-identical"
    source.write_text(source.read_text().replace("= 200", "= 202"))
    assert executed(book_root) == ["first"], "a changed source is seen"
    ledger = book_root / "book" / "claims.yml"
    ledger.write_text(ledger.read_text().replace("one hundred", "about 100"))
    assert executed(book_root) == ["first"], "a changed claim is seen"
    (book_root / "constraints.txt").write_text("numpy==0\n")
    assert executed(book_root) == ["first"], "other versions are seen"


def test_a_changed_module_makes_only_its_chapters_stale(book_root, monkeypatch):
    other = book_root / "notebooks" / "02-other.md"
    other.write_text((book_root / "notebooks" / "01-first.md").read_text().split("# 01")[0])
    other.write_text(other.read_text() + "# Other\n" + cell("print('no helper')"))
    assert executed(book_root) == ["first", "other"]
    from dataclasses import replace

    from paper_utils import fingerprint

    parsed = fingerprint._parsed

    def changed(path):
        found = parsed(path)
        return replace(found, checksum="new") if path.name == "recording.py" else found

    monkeypatch.setattr(fingerprint, "_parsed", changed)
    assert [chapter.slug for chapter in Book(book_root).stale()] == ["first"]


def test_a_result_makes_its_chapter_stale_when_its_state_changes(book_root, monkeypatch):
    source = book_root / "notebooks" / "01-first.md"
    source.write_text(source.read_text() + cell("name = 'long-run'  # results.get('long-run')"))
    chapter = find_chapters(book_root)[0]
    kept = {"code_key": "a", "tasks": [], "command": "", "date": "2026-01-01", "duration_s": 1.0}
    kept |= {"schema_version": 2, "confirmations": []}

    def key(code_key, **changed):
        entry = SimpleNamespace(name="long-run", code_key=code_key, function="lab:run")
        monkeypatch.setattr(record, "index", lambda: {"long-run": entry})
        record.save(book_root / "results" / "long-run.json", kept | changed)
        return state.chapter_fingerprint(book_root, chapter, {}, "default")

    once = [{"code_key": "b", "date": "2026-01-02"}]
    twice = [*once, {"code_key": "c", "date": "2026-01-03"}]
    assert key("a") == key("a", confirmations=once), "one more confirmation changes no page"
    assert key("b", confirmations=once) == key("b", confirmations=twice)
    assert len({key("a"), key("b"), key("b", confirmations=once)}) == 3
    assert key("b") == key("c"), "stale is stale"
    assert key("a") != key("a", tasks=[{"parameters": {}, "value": {"x": 1}, "duration_s": 1.0}])


def test_a_chapter_that_looks_back_depends_on_what_others_measured(tmp_path):
    look_back = cell("from paper_utils.claims.accepted import accepted")
    root = make_book(
        tmp_path / "book", {"01-first.md": PARAMETERS + RECORD, "02-last.md": look_back}
    )
    table = root / "tests" / "expected" / "default.json"
    table.parent.mkdir(parents=True)

    def keys(own, other):
        entries = {"T-1": {"chapter": "first", "measured": other}}
        entries |= {"T-2": {"chapter": "last", "measured": own}}
        table.write_text(json.dumps(entries))
        return [state.chapter_fingerprint(root, c, {}, "default") for c in find_chapters(root)]

    before = keys(1, 1)
    assert keys(2, 1) == before, "accepting a chapter does not make it stale"
    changed = keys(1, 2)
    assert (changed[0] == before[0], changed[1] == before[1]) == (True, False)


def test_a_file_named_by_a_parameter_counts_by_content(tmp_path, book_root):
    path = tmp_path / "titles.csv"
    chapter = find_chapters(book_root)[0]

    def key():
        given = {"language": str(path)}
        return state.chapter_fingerprint(book_root, chapter, given, "custom")

    path.write_text("title\na\n")
    first = key()
    os.utime(path, (1, 1))
    assert key() == first
    path.write_text("title\nb\n")
    assert key() != first


@pytest.mark.slow
def test_a_chapter_whose_source_is_gone_leaves_the_book(book_root):
    executed(book_root)
    (book_root / "notebooks" / "01-first.md").rename(book_root / "notebooks" / "03-third.md")
    executed(book_root)
    names = {path.name for path in (book_root / "book" / "chapters").glob("*.ipynb")}
    assert names == {"03-third.ipynb"}


def test_smoke_is_built_apart_from_the_book(book_root):
    assert executed(book_root, "smoke") == ["first"]
    assert not (book_root / "book" / "chapters" / "01-first.ipynb").exists()
    notebook = nbformat.read(Book(book_root, "smoke").built / "01-first.ipynb", as_version=4)
    assert notebook.metadata["paper"]["parameters"] == {"n_items": 60}
    content = json.loads((book_root / "_build" / "smoke" / "_build" / "claims.json").read_text())
    assert content["schema_version"] == 2
    assert [item["verdict"] for item in content["claims"]] == ["open"]


# --------------------------------------------------------------------------- failures

BROKEN = cell("x = 1") + cell("raise ValueError('no such\\nvalue')") + cell("print('never')")


def test_a_failure_is_kept_aside_and_the_others_go_on(tmp_path):
    chapters = {"01-broken.md": BROKEN, "02-good.md": PARAMETERS + RECORD}
    root = make_book(tmp_path / "book", chapters)
    ledger = root / "book" / "claims.yml"
    ledger.write_text(ledger.read_text().replace("chapter: first", "chapter: good"))
    (root / "profiles.yml").write_text("")
    report = build(Book(root), html=True)
    assert [outcome.job.name for outcome in report.failures] == ["broken"]
    error = report.failures[0].error
    assert "cell 2: ValueError: no such" in error and "\n" not in error
    assert (root / "book" / "chapters" / "02-good.ipynb").is_file()
    assert not (root / "book" / "chapters" / "01-broken.ipynb").exists()
    kept = nbformat.read(root / "_build" / "failed" / "01-broken.ipynb", as_version=4)
    assert any("ValueError" in str(cell.get("outputs")) for cell in kept.cells)
    assert not report.rendered, "a site never shows a failed chapter"
    states = {chapter.slug: Book(root).state(chapter) for chapter in Book(root).chapters}
    assert states == {"broken": "failed", "good": "fresh"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\njupytext: [\n---\n# No\n", "01-broken.md is no MyST notebook: "),
        ("# No header\n", "01-broken.md: the header names no kernelspec"),
        (HEADER + cell("x = = 1"), "01-broken.md: a cell is not Python: invalid syntax: x = = 1"),
        (HEADER + PARAMETERS.replace("200", "print()"), "the default of 'n_items' must be a lit"),
    ],
)
def test_a_broken_source_stops_no_other_chapter(tmp_path, text, reason):
    chapters = {"01-broken.md": "", "02-good.md": PARAMETERS + RECORD}
    root = make_book(tmp_path / "book", chapters)
    ledger = root / "book" / "claims.yml"
    ledger.write_text(ledger.read_text().replace("chapter: first", "chapter: good"))
    (root / "profiles.yml").write_text("")
    (root / "notebooks" / "01-broken.md").write_text(text)
    report = build(Book(root), html=True)
    (failure,) = report.failures
    assert failure.job.name == "broken" and reason in failure.error and "\n" not in failure.error
    assert (root / "book" / "chapters" / "02-good.ipynb").is_file() and not report.rendered
    states = {chapter.slug: Book(root).state(chapter) for chapter in Book(root).chapters}
    assert states == {"broken": "broken", "good": "fresh"}


@pytest.mark.slow
def test_a_failed_change_keeps_the_last_good_notebook_out_of_the_site(book_root):
    executed(book_root)
    good = (book_root / "book" / "chapters" / "01-first.ipynb").read_bytes()
    source = book_root / "notebooks" / "01-first.md"
    source.write_text(source.read_text() + cell("1 / 0"))
    report = build(Book(book_root), html=True)
    assert "ZeroDivisionError" in report.failures[0].error
    assert (book_root / "book" / "chapters" / "01-first.ipynb").read_bytes() == good
    assert not (book_root / "_build" / "html").exists()


def test_a_kernel_that_dies_is_reported(tmp_path):
    root = make_book(tmp_path / "book", {"01-dies.md": cell("import os; os._exit(3)")})
    (root / "profiles.yml").write_text("")
    error = build(Book(root), html=False).failures[0].error
    assert "DeadKernelError" in error and "\n" not in error


def test_stray_output_of_a_worker_is_no_message(tmp_path, monkeypatch):
    """Neither a line that is no message nor an unfinished last one stops or blocks a build."""
    script = tmp_path / "worker"
    lines = ("a library says hello", "3", '{"no": "event"}', '{"event": "done"}', "cut")
    script.write_text(f"#!{sys.executable}\nprint({chr(10).join(lines)!r}, end='')\n")
    script.chmod(0o755)
    monkeypatch.setattr(runner.sys, "executable", str(script))
    job = runner.Job("odd", tmp_path / "a.md", tmp_path / "a.ipynb", tmp_path / "failed.ipynb")
    (outcome,) = runner.run_jobs([job], root=tmp_path, workers=1)
    assert outcome.error is None


def test_a_run_beside_another_leaves_its_folder_alone(tmp_path):
    """The folder of a living runner stays, even before it has written anything there."""
    mine = runner.new_scratch(tmp_path)
    (gone := tmp_path / "tmp" / "999999999-old").mkdir()
    (odd := tmp_path / "tmp" / "first-old").mkdir()
    runner.clear_scratch(tmp_path)
    assert (mine.exists(), gone.exists(), odd.exists()) == (True, False, False)


def test_two_builds_of_one_checkout_do_not_mix(book_root):
    from filelock import FileLock

    (book_root / "_build").mkdir()
    with FileLock(book_root / "_build" / ".lock"), pytest.raises(PaperError, match="another build"):
        build(Book(book_root))


# ------------------------------------------------------------------------ interruption


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_after_an_interruption(tmp_path, how):
    root = tmp_path / "book"
    damage = stop_builds(root, 4, how, seed=int(how))
    assert damage.counts == (0, 0, 0), "half-written files, processes left, failed next runs"
    assert Book(root).stale() == []
    assert not list((root / "_build" / "tmp").iterdir())
    assert not list((root / "book" / "chapters").glob(".*"))


# ------------------------------------------------------------------------- own runs


@pytest.mark.slow
def test_a_readers_run_never_touches_the_book(book_root, tmp_path):
    chapter = find_chapters(book_root)[0]
    notebook, page = make.run(book_root, chapter, {"n_items": "60"}, tmp_path / "out")
    assert page is None
    assert not (book_root / "book" / "chapters").exists()
    assert nbformat.read(notebook, as_version=4).metadata["paper"]["profile"] == "custom"
    with pytest.raises(PaperError, match="ZeroDivisionError"):
        chapter.path.write_text(chapter.path.read_text() + cell("1 / 0"))
        make.run(book_root, Chapter(chapter.path), {}, tmp_path / "out")


def test_too_few_titles_are_seen_before_a_kernel_starts(tmp_path):
    path = tmp_path / "titles.csv"
    path.write_text("title\n" + "drill\n" * 60)
    values = {"catalogue": str(path), "language": "en", "n_items": 60, "seed": 0, "models": ["x"]}
    make._check_titles(values | {"n_items": 61}, 60)
    with pytest.raises(UsageError, match="has only 60 such titles; the chapter needs at least 61"):
        make._check_titles(values, 61)
    path.write_text("name of the thing\ndrill\n")
    with pytest.raises(UsageError, match="call the one with the titles 'title'; it has: name of"):
        make._check_titles(values, 50)
    path.write_text("title\n" + "drill\n" * 60 + '"half\n')
    with pytest.raises(UsageError, match="line 62: a quotation mark is never closed"):
        make._check_titles(values, 50)
    make._check_titles({"catalogue": "diy", "language": "en", "n_items": 10**12}, 50)
    with pytest.raises(UsageError, match="diy is written in one language"):
        make._check_titles({"catalogue": "diy", "language": "all"}, 50)


@pytest.mark.slow
def test_a_built_notebook_runs_under_plain_papermill(book_root, tmp_path):
    executed(book_root)
    built = book_root / "book" / "chapters" / "01-first.ipynb"
    target = tmp_path / "again.ipynb"
    command = [sys.executable, "-m", "papermill", str(built), str(target), "-p", "n_items", "80"]
    subprocess.run([*command, "--no-progress-bar"], check=True, cwd=tmp_path, capture_output=True)
    from paper_utils.claims import records_in

    assert records_in(nbformat.read(target, as_version=4))["T-1"].measured == 40


def test_paths_given_to_a_run_are_found_from_where_the_reader_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("title\na\n")
    (tmp_path / "checkpoint").mkdir()
    given = ["x.csv", "vectors:x.csv", "hf:./checkpoint", "minilm", "no.csv", "diy:diversity=0.3"]
    assert make._absolute(given) == [
        str(tmp_path / "x.csv"),
        f"vectors:{tmp_path / 'x.csv'}",
        f"hf:{tmp_path / 'checkpoint'}",
        *given[3:],
    ]
    assert make._absolute(3) == 3


def test_a_word_stays_a_word_where_a_file_bears_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("en", "minilm", "diy"):
        (tmp_path / name).write_text("x")
    assert make._absolute(["en", "minilm", "diy"]) == ["en", "minilm", "diy"]
    (tmp_path / "odd: name.csv").write_text("title\na\n")
    assert make._absolute("odd: name.csv") == str(tmp_path / "odd: name.csv")


@pytest.mark.slow
def test_a_checkout_that_cannot_be_written_is_no_hindrance(tmp_path, monkeypatch):
    root = make_book(tmp_path / "book")
    (root / "_build").write_text("in the way")  # root may write into a folder of any mode
    monkeypatch.setenv("PAPER_CACHE", str(tmp_path / "cache"))
    assert build_folder(root) == tmp_path / "cache" / "build"
    (chapter,) = find_chapters(root)
    notebook, _ = make.run(root, chapter, {}, tmp_path / "out")
    assert notebook.is_file()


def test_a_page_reaches_a_folder_on_another_disk(tmp_path, monkeypatch):
    rename = os.rename

    def on_two_disks(source, target, **options):
        if ("one" in Path(source).parts) != ("one" in Path(target).parts):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target, **options)

    monkeypatch.setattr(os, "rename", on_two_disks)
    (tmp_path / "two" / "html").mkdir(parents=True)
    (tmp_path / "two" / "html" / "old").write_text("old")
    (tmp_path / "one" / "html").mkdir(parents=True)
    (tmp_path / "one" / "html" / "new").write_text("new")
    site._swap(tmp_path / "one" / "html", tmp_path / "two" / "html")
    assert [path.name for path in (tmp_path / "two" / "html").iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["html"]
