"""Long results: provenance, staleness, resumption, and a live slice that must agree."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from paper_utils import results
from paper_utils.errors import PaperError, UsageError
from paper_utils.fingerprint import canonical_json, sha256
from paper_utils.results import Experiment, compute, record, registry
from paper_utils.results.tolerance import compare


def square(x: int, fail: bool = False) -> dict[str, object]:
    """A task that a worker process can import."""
    if fail:
        raise ValueError("no square")
    return {"square": x * x, "series": [x, x / 3]}


@pytest.fixture
def squares(tmp_path, monkeypatch):
    """An experiment of three tasks in an empty book."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "_toc.yml").write_text("")
    monkeypatch.setenv("PAPER_ROOT", str(tmp_path))
    only(monkeypatch, Experiment("squares", "Squares.", square, lambda: tasks_of(1, 2, 3)))
    return tmp_path


def tasks_of(*numbers):
    return [{"x": number} for number in numbers]


def only(monkeypatch, one):
    """Let there be no other experiment."""
    monkeypatch.setitem(registry._registry, one.name, one)
    for module in (registry, record):
        monkeypatch.setattr(module, "index", lambda: {one.name: one.entry})


def test_a_result_keeps_values_and_provenance(squares):
    path = results.run("squares", workers=1, progress=False)
    kept = results.get("squares")
    assert path == squares / "results" / "squares.json"
    assert kept.value(x=3)["square"] == 9
    assert list(kept.frame()["square"]) == [1, 4, 9]
    assert not kept.stale
    assert "re-run: `paper results run squares`" in kept.label
    assert kept.label.endswith("computed by `test_results:square`")
    for key in ("command", "code_key", "data", "versions", "machine", "date", "duration_s"):
        assert key in kept.provenance
    assert "numpy" in kept.provenance["versions"]


def test_a_result_made_anew_changes_no_reference(squares):
    """What nbval is told not to compare is day, duration, module and confirmation, no more."""
    config = configparser.RawConfigParser()
    config.read(Path(__file__).with_name("nbval.cfg"))
    rules = [(config[name]["regex"], config[name]["replace"]) for name in config.sections()]

    def sanitised(text):
        for regex, by in rules:
            text = re.sub(regex, by, text)
        return text

    def compared(provenance):
        return sanitised(replace(kept, provenance=kept.provenance | provenance).label)

    results.run("squares", workers=1, progress=False)
    kept = results.get("squares")
    anew = {"date": "2031-01-02T03:04:05", "duration_s": 12345.0}
    assert compared(anew) == compared({}) != kept.label
    assert compared(anew | {"cached_encodings": True}) == compared({})
    assert compared({"command": "paper results run cubes"}) != compared({})
    moved = replace(kept, function="elsewhere.squares:squares", state="confirmed")
    for label in (moved.label, moved.label.replace("; ", ";\n")):
        assert "confirmed" in label and "confirmed" not in sanitised(label)
    assert sanitised(moved.label) == compared({})


def test_a_result_does_not_pass_off_changed_code_as_its_commit(squares):
    def git(*arguments):
        names = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", "-C", squares, *names, *arguments], check=True, capture_output=True)

    git("init")
    git("add", "-A")
    git("commit", "-m", "x")
    assert re.fullmatch("[0-9a-f]{40}", compute._commit())
    (squares / "_toc.yml").write_text("changed")
    assert re.fullmatch("[0-9a-f]{40}-dirty", compute._commit())


def test_a_duration_says_when_encodings_were_cached(squares, monkeypatch):
    from paper_utils.encoders import cache

    def reads(x):
        cache.entries_read += 1
        return square(x)

    only(monkeypatch, Experiment("squares", "Squares.", reads, lambda: tasks_of(1)))
    results.run("squares", workers=1, progress=False)
    assert "with encodings from the cache; re-run" in results.get("squares").label


def test_a_live_slice_must_agree(squares):
    results.run("squares", workers=1, progress=False)
    kept = results.get("squares")
    assert "agrees with the record in 3 numbers" in kept.agrees(square(2), x=2)
    with pytest.raises(PaperError, match=r"square = 9, recorded 4, allowed ±0.0009; re-run"):
        kept.agrees(square(3), x=2)
    with pytest.raises(PaperError, match=r"the live slice .* has keys"):
        kept.agrees({"square": 4}, x=2)
    with pytest.raises(UsageError, match="0 tasks match"):
        kept.value(x=7)


def test_changed_code_makes_a_result_stale(squares, monkeypatch):
    results.run("squares", workers=1, progress=False)
    monkeypatch.setattr(registry, "code_key", lambda modules: "another")
    only(monkeypatch, Experiment("squares", "Squares.", square, list))
    kept = results.get("squares")
    assert kept.stale and kept.label.startswith("STALE")
    assert not results.is_current("squares")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"square": 9', '"square": 10'), "edited by hand"),
        (lambda text: text[: len(text) // 2], "is not a result file"),
        (lambda text: "[]", "is not a result file"),
        (lambda text: text.replace('"schema_version": 2', '"schema_version": 0'), "schema 0"),
    ],
)
def test_a_file_that_was_changed_by_hand_is_refused(squares, damage, message):
    path = results.run("squares", workers=1, progress=False)
    path.write_text(damage(path.read_text()))
    with pytest.raises(PaperError, match=message):
        results.get("squares")


def test_a_result_that_was_never_run_says_how_to_run_it(squares):
    with pytest.raises(PaperError, match="paper results run squares"):
        results.get("squares")
    with pytest.raises(UsageError, match="did you mean 'squares'"):
        results.get("square")


def test_finished_tasks_survive_an_interruption(squares, monkeypatch):
    calls = []

    def interrupted(chosen, tasks, *rest):
        for number, task in enumerate(tasks):
            if number == 2:
                raise KeyboardInterrupt
            calls.append(task["x"])
            yield compute.timed("squares", square, task)

    whole = compute._compute
    monkeypatch.setattr(compute, "_compute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        results.run("squares")
    assert calls == [1, 2]

    (partial,) = (squares / "_build" / "results").glob("*.jsonl")
    partial.write_text(partial.read_text() + '{"parameters": {"x": 3}, "val')  # killed here

    def rest(chosen, tasks, *more):
        calls.extend(task["x"] for task in tasks)
        return whole(chosen, tasks, 1, None, False)

    monkeypatch.setattr(compute, "_compute", rest)
    results.run("squares")
    assert calls == [1, 2, 3], "what was done is not repeated"
    assert list(results.get("squares").frame()["square"]) == [1, 4, 9]
    assert not list((squares / "_build" / "results").glob("*.jsonl"))


def test_a_failing_task_names_itself(squares, monkeypatch):
    failing = Experiment("squares", "Squares.", square, lambda: [{"x": 1, "fail": True}])
    only(monkeypatch, failing)
    with pytest.raises(PaperError, match=r"squares: the task .*fail.* ValueError: no square"):
        results.run("squares", workers=1, progress=False)
    assert not (squares / "results" / "squares.json").exists()


def test_a_dask_cluster_computes_the_same(squares):
    distributed = pytest.importorskip("distributed")
    here = results.run("squares", workers=2, progress=False)
    local = [task["value"] for task in json.loads(here.read_text())["tasks"]]
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        there = results.run("squares", scheduler=cluster.scheduler_address, progress=False)
    assert [task["value"] for task in json.loads(there.read_text())["tasks"]] == local


def test_a_scheduler_that_does_not_answer_is_one_line(squares):
    pytest.importorskip("distributed")
    with pytest.raises(PaperError, match="no Dask scheduler answers") as error:
        results.run("squares", scheduler="tcp://127.0.0.1:9", progress=False)
    assert "\n" not in str(error.value)


def test_a_record_of_schema_1_can_be_read(squares):
    path = results.run("squares", workers=1, progress=False)
    content = json.loads(path.read_text())
    for key in ("sha256", "function", "weights", "moved", "confirmations"):
        del content[key]
    content["schema_version"] = 1
    path.write_text(json.dumps(content | {"sha256": sha256(canonical_json(content))}))
    kept = results.get("squares")
    assert (kept.state, kept.provenance["confirmations"]) == ("current", [])


def test_every_record_is_current_or_confirmed_for_the_code_it_stands_with(root):
    """Otherwise: `paper results confirm stale`, and `paper results run` what differs."""
    out_of_date = [name for name in results.recorded() if not results.is_current(name)]
    assert out_of_date == []


def test_every_record_belongs_to_an_experiment():
    assert set(results.recorded()) <= set(results.index())


def test_the_index_says_what_the_modules_register():
    loaded = {name: one.entry for name, one in results.experiments().items()}
    assert loaded.keys() == results.index().keys()
    for name, entry in results.index().items():
        assert (entry.what, entry.function) == (loaded[name].what, loaded[name].function)
        assert entry.code_key == loaded[name].code_key


@pytest.mark.parametrize("command", [["list"], ["results", "list"]])
def test_a_list_needs_no_numerical_library(command):
    heavy = ("torch", "numba", "transformers", "sklearn", "matplotlib", "scipy")
    code = (
        "import sys; from paper_utils.cli import main; "
        f"main({command!r}, standalone_mode=False); "
        f"print('heavy:', [name for name in {heavy!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "heavy: []"


def drawn_tasks():
    """The cheapest tasks of three records, drawn by the commit."""
    commit = compute._commit() or "no git"
    names = sorted(results.recorded(), key=lambda name: sha256(commit, name))
    for name in names:
        content = results.load(results.result_path(name))
        task = min(content["tasks"], key=lambda task: task["duration_s"])
        if task["duration_s"] <= 10:
            marks = [pytest.mark.realdata] if content["data"] else []
            yield pytest.param(name, task, bool(content["data"]), id=name, marks=marks)


@pytest.mark.parametrize(("name", "task", "real"), list(islice(drawn_tasks(), 3)))
def test_the_cheapest_task_of_a_drawn_record_agrees(name, task, real, request):
    if real:
        request.getfixturevalue("paper_data")
    chosen = results.find_experiment(name)
    if chosen.tolerance is None:
        pytest.skip(f"{name} states no tolerance")
    try:
        found = compute.timed(name, chosen.function, task["parameters"])["value"]
    except PaperError as error:
        if "is not here" not in str(error):
            raise
        pytest.skip(f"weights: {error}")  # of an encoder that no package brings
    compared = compare(task["value"], found, chosen.tolerance)
    assert compared.agrees, compared.worst


class TestOwn:
    """Records that readers compute with other parameters."""

    def test_they_lie_apart_and_say_their_command(self, squares):
        results.run("squares")
        kept = record.result_path("squares").read_bytes()
        path = results.run_own("squares", {"x": "[4, 5]"}, "mine", workers=1, progress=False)
        assert path == squares / "mine" / "squares.json"
        assert record.result_path("squares").read_bytes() == kept
        own = results.get_own("squares", "mine")
        assert list(own.frame()["square"]) == [16, 25], "each value once, however many tasks"
        assert own.provenance["command"] == "paper results run squares -p x '[4, 5]' -o mine"

    def test_an_interrupted_one_goes_on_and_leaves_the_books_run_alone(self, squares):
        with pytest.raises(PaperError, match="failed"):
            results.run_own(
                "squares",
                {"x": "[4, 5]", "fail": "[false, true]"},
                "mine",
                workers=1,
                progress=False,
            )
        (kept,) = (squares / "_build" / "results").glob("squares.*.jsonl")
        before = kept.read_text(encoding="utf-8")
        assert before, "what was finished stays"
        results.run("squares")
        assert kept.read_text(encoding="utf-8") == before
        results.run_own("squares", {"x": "4", "fail": "false"}, "mine", workers=1, progress=False)
        assert not kept.exists()

    def test_what_is_not_given_stays(self, squares):
        results.run_own("squares", {"fail": "false"}, "mine", workers=1, progress=False)
        tasks = [task for task, _, _ in results.get_own("squares", "mine").tasks]
        assert tasks == [{"x": x, "fail": False} for x in (1, 2, 3)]

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"y": "1"}, "squares has no parameter 'y'; "),
            ({"x": "two"}, "parameter 'x' must be like 1, not 'two'"),
            ({"x": "[1, true]"}, "parameter 'x' must be like 1, not True"),
            ({"x": "1.5"}, "parameter 'x' must be like 1, not 1.5"),
        ],
    )
    def test_a_wrong_parameter_is_one_line_before_anything_runs(self, squares, given, message):
        with pytest.raises(UsageError, match=re.escape(message)):
            results.run_own("squares", given, "mine", workers=1, progress=False)
        assert not (squares / "mine").exists()

    def test_the_folder_of_the_book_is_refused(self, squares):
        with pytest.raises(UsageError, match="holds the book's records"):
            results.run_own("squares", {"x": "4"}, "results", workers=1, progress=False)

    def test_one_that_was_not_computed_says_how(self, squares):
        with pytest.raises(PaperError, match="paper results run squares -p … -o mine"):
            results.get_own("squares", "mine")
