"""Long results: provenance, staleness, resumption, and a live slice that must agree."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from paper_utils import results
from paper_utils.errors import PaperError, UsageError
from paper_utils.results import Experiment, compute, registry


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
    entry = Experiment("squares", "Squares.", square, lambda: [{"x": n} for n in (1, 2, 3)])
    monkeypatch.setattr(registry, "experiments", lambda: {"squares": entry})
    return tmp_path


def test_a_result_keeps_values_and_provenance(squares):
    path = results.run("squares", workers=1, progress=False)
    kept = results.get("squares")
    assert path == squares / "results" / "squares.json"
    assert kept.value(x=3)["square"] == 9
    assert list(kept.frame()["square"]) == [1, 4, 9]
    assert not kept.stale
    assert "re-run: `paper results run squares`" in kept.label
    for key in ("command", "code_key", "data", "versions", "machine", "date", "duration_s"):
        assert key in kept.provenance
    assert "numpy" in kept.provenance["versions"]


def test_a_result_made_anew_changes_no_reference(squares):
    """What nbval is told not to compare is the day and the duration, and nothing else."""
    config = configparser.RawConfigParser()
    config.read(Path(__file__).with_name("nbval.cfg"))
    rules = [(config[name]["regex"], config[name]["replace"]) for name in config.sections()]

    def compared(provenance):
        text = replace(kept, provenance=kept.provenance | provenance).label
        for regex, by in rules:
            text = re.sub(regex, by, text)
        return text

    results.run("squares", workers=1, progress=False)
    kept = results.get("squares")
    anew = {"date": "2031-01-02T03:04:05", "duration_s": 12345.0}
    assert compared(anew) == compared({}) != kept.label
    assert compared(anew | {"cached_encodings": True}) == compared({})
    assert compared({"command": "paper results run cubes"}) != compared({})


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

    entry = Experiment("squares", "Squares.", reads, lambda: [{"x": 1}])
    monkeypatch.setattr(registry, "experiments", lambda: {"squares": entry})
    results.run("squares", workers=1, progress=False)
    assert "with encodings from the cache; re-run" in results.get("squares").label


def test_a_live_slice_must_agree(squares):
    results.run("squares", workers=1, progress=False)
    kept = results.get("squares")
    assert "agrees with the record in 3 numbers" in kept.agrees(square(2), x=2)
    with pytest.raises(PaperError, match=r"square = 9, recorded 4; re-run"):
        kept.agrees(square(3), x=2)
    with pytest.raises(PaperError, match="live slice has"):
        kept.agrees({"square": 4}, x=2)
    with pytest.raises(UsageError, match="0 tasks match"):
        kept.value(x=7)


def test_changed_code_makes_a_result_stale(squares, monkeypatch):
    results.run("squares", workers=1, progress=False)
    monkeypatch.setattr(registry, "code_key", lambda modules: "another")
    fresh = Experiment("squares", "Squares.", square, list)
    monkeypatch.setattr(registry, "experiments", lambda: {"squares": fresh})
    kept = results.get("squares")
    assert kept.stale and kept.label.startswith("STALE")
    assert not results.is_current(fresh)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace('"square": 9', '"square": 10'), "edited by hand"),
        (lambda text: text[: len(text) // 2], "is not a result file"),
        (lambda text: "[]", "is not a result file"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 0'), "schema 0"),
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
            yield compute._timed("squares", square, task)

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
    entry = Experiment("squares", "Squares.", square, lambda: [{"x": 1, "fail": True}])
    monkeypatch.setattr(registry, "experiments", lambda: {"squares": entry})
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


def test_no_recorded_result_is_stale(root):
    """A stale key fails CI: recompute with `paper results run stale`."""
    stale = [
        name
        for name, entry in results.experiments().items()
        if (root / "results" / f"{name}.json").is_file() and not results.is_current(entry)
    ]
    assert stale == []


def test_every_recorded_result_belongs_to_an_experiment(root):
    recorded = {path.stem for path in (root / "results").glob("*.json")}
    assert recorded <= set(results.experiments())
