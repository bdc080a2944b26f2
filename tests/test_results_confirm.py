"""A record is held true by recomputation: what confirms it, what does not, and what is said."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from paper_utils import fingerprint, results
from paper_utils.cli import main
from paper_utils.errors import PaperError, UsageError
from paper_utils.results import Tolerance, compute, registry
from paper_utils.results.tolerance import compare

TOLERANCE = """\
    tolerance=Tolerance(rel=1e-6, unchecked=("took_s",), why="Arithmetic in double precision."),
"""
SQUARES = f"""
from paper_utils.results import Tolerance, experiment

@experiment(
    "squares",
    "Squares.",
    tasks=lambda: [dict(x=n) for n in (1, 2, 3)] + [dict(x=4, turned=True)],
{TOLERANCE})
def square(x, turned=False):
    import time

    return dict(square=x * x, series=[x / 3], took_s=time.perf_counter())
"""
CUBES = SQUARES.replace("Squares", "Cubes").replace("square", "cube").replace("x * x", "x**3")


class Lab:
    """A small project of its own: sources, a book, records."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "notebooks").mkdir()
        (folder / "_toc.yml").write_text("")

    def write(self, **modules):
        """Let these be all modules of the package `lab`."""
        package = self.folder / "lab"
        package.mkdir(exist_ok=True)
        for path in package.rglob("*.py"):
            path.unlink()
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text)
        for name in [name for name in sys.modules if name.partition(".")[0] == "lab"]:
            del sys.modules[name]
        for name in ("squares", "cubes"):
            registry._registry.pop(name, None)
        for cached in (fingerprint._parsed, fingerprint._file_under, registry._index):
            cached.cache_clear()

    def paper(self, *arguments):
        """Run a command; return its exit code and the lines that it printed."""
        said = CliRunner().invoke(main, ["results", *arguments])
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
        return said.exit_code, said.output.splitlines()

    def confirm(self, *arguments):
        """Confirm; return the exit code and all lines but that of the seed."""
        code, lines = self.paper("confirm", "--seed", "1", *arguments)
        return code, [line for line in lines if line != "seed 1"]

    def record(self, name="squares"):
        return results.load(results.result_path(name))


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A project with one experiment, recorded."""
    monkeypatch.setenv("PAPER_ROOT", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(fingerprint, "SOURCES", tmp_path)
    monkeypatch.setattr(fingerprint, "PACKAGES", ("lab",))
    monkeypatch.setattr(registry, "PLACES", ("lab",))
    lab = Lab(tmp_path)
    lab.write(one=SQUARES)
    results.run("squares", workers=1, progress=False)
    yield lab
    lab.write()


def test_a_record_that_agrees_is_confirmed(lab):
    code, (line,) = lab.confirm("squares")
    assert (code, line.split(";")[0]) == (0, "squares: 4 tasks agree in 8 numbers")
    assert "4 durations and speeds not compared" in line
    (kept,) = lab.record()["confirmations"]
    assert kept["code_key"] == results.find_entry("squares").code_key
    assert (kept["seed"], kept["budget_s"], kept["compared"]) == (1, 20, 8)
    assert kept["largest_deviation"] == 0
    assert "versions" not in kept and "machine" not in kept, "only what differs from the record's"
    assert len(kept["tasks"]) == 4


def test_every_kind_of_task_is_computed_whatever_the_budget(lab):
    lab.confirm("squares", "--budget", "0")
    tasks = lab.record()["confirmations"][0]["tasks"]
    assert sorted(map(len, tasks)) == [1, 2]
    kinds = SQUARES.replace("    tolerance", '    kinds=("x",),\n    tolerance')
    lab.write(one=kinds)
    lab.confirm("squares", "--budget", "0")
    assert len(lab.record()["confirmations"][-1]["tasks"]) == 4


def test_tasks_are_drawn_by_the_seed_the_cheaper_half_first(lab):
    chosen, content = results.find_experiment("squares"), lab.record()
    for number, task in enumerate(content["tasks"]):
        task["duration_s"] = float(number)

    def drawn(seed, budget=0.0):
        from paper_utils.results.confirmation import draw

        return [task["parameters"]["x"] for task in draw(chosen, content, budget, seed)]

    assert drawn(3) == drawn(3)
    assert {tuple(sorted(drawn(seed, 1.5))) for seed in range(20)} == {(1, 2, 4)}
    firsts = [drawn(seed)[0] for seed in range(20)]
    assert 3 not in firsts, "what takes longest of its kind is not drawn without need"


def test_the_seed_is_fresh_and_printed(lab):
    _, first = lab.paper("confirm", "squares")
    _, second = lab.paper("confirm", "squares")
    assert first[0].startswith("seed ") and first[0] != second[0]


def test_a_changed_estimator_is_caught(lab):
    lab.write(one=SQUARES.replace("x / 3", "x / 3.1"))
    assert results.get("squares").stale
    code, (line,) = lab.confirm("squares", "--budget", "0")
    assert code == 1
    for part in (
        'squares: the task {"x":',
        "series[0] = ",
        "recorded ",
        "allowed ±",
        "results run",
    ):
        assert part in line
    against = lab.record()["disagreement"]
    assert against["place"] == "series[0]" and against["recorded"] != against["computed"]
    assert "STALE (computed anew it differs)" in results.get("squares").label

    code, (line,) = lab.confirm("squares")
    assert code == 1 and "this code differed from it in the task" in line

    lab.write(one=SQUARES)
    assert results.get("squares").stale, "whatever the key"
    code, _ = lab.confirm("squares", "--budget", "0")
    assert (code, results.get("squares").state) == (0, "current")
    assert against["task"] == lab.record()["confirmations"][0]["tasks"][0], "it comes first"


def test_a_run_makes_a_record_that_differed_current(lab):
    lab.write(one=SQUARES.replace("x / 3", "x / 3.1"))
    lab.confirm("squares")
    assert lab.paper("run", "stale", "-j", "1")[0] == 0
    assert results.get("squares").state == "current"
    assert "disagreement" not in lab.record()


def test_a_moved_and_renamed_function_is_confirmed(lab):
    before = results.shown(results.result_path("squares"))
    lab.write(two=SQUARES.replace("def square(", "def power("))
    assert results.get("squares").stale
    stale = results.shown(results.result_path("squares"))
    assert lab.confirm("stale")[0] == 0
    kept = results.get("squares")
    assert kept.state == "confirmed" and results.is_current("squares")
    assert kept.label.endswith("computed by `lab.two:power`; confirmed by recomputation")
    assert kept.provenance["confirmations"][0]["date"] not in kept.label
    confirmed = results.shown(results.result_path("squares"))
    assert len({before, stale, confirmed}) == 3
    lab.confirm("squares", "--budget", "1")
    assert results.shown(results.result_path("squares")) == confirmed, "one more changes no page"
    assert lab.confirm("stale") == (0, [])


def test_a_function_that_is_registered_from_elsewhere_is_known_by_its_home(lab):
    home = "def square(x):\n    return {}\n"
    call = (
        "from lab.home import square\nfrom paper_utils.results import experiment\n"
        'experiment("squares", "Squares.", tasks=list)(square)\n'
    )
    lab.write(home=home, call=call)
    entry = results.find_entry("squares")
    assert (entry.module, entry.function) == ("lab.call", "lab.home:square")
    assert results.find_experiment("squares").entry.function == entry.function
    assert results.find_experiment("squares").code_key == entry.code_key


def test_the_latest_confirmation_of_a_code_is_kept_and_three_at_most(lab):
    lab.confirm("squares")
    lab.confirm("squares")
    assert len(lab.record()["confirmations"]) == 1
    keys = []
    for number in range(4):
        lab.write(one=f"{SQUARES}\nN = {number}\n")
        lab.confirm("squares")
        keys.append(results.find_entry("squares").code_key)
    assert [one["code_key"] for one in lab.record()["confirmations"]] == keys[1:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text, key: text.replace(json.loads(text)["code_key"], key), "edited by hand"),
        (lambda text, key: text[: len(text) // 2], "is not a result file"),
        (lambda text, key: text.replace('"schema_version": 2', '"schema_version": 7'), "schema 7"),
    ],
    ids=["forged", "cut off", "schema"],
)
def test_a_damaged_record_is_not_confirmed(lab, damage, message):
    lab.write(one=SQUARES + "\nN = 1\n")
    path = results.result_path("squares")
    path.write_text(damage(path.read_text(), results.find_entry("squares").code_key))
    before = path.read_bytes()
    assert not results.is_current("squares")
    for name in ("squares", "all", "stale"):
        code, (line,) = lab.confirm(name)
        assert code == 1 and message in line
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (TOLERANCE, "", "squares: its experiment states no tolerance"),
        ("tasks=lambda:", "data=lambda: open('/no/such'), tasks=lambda:", "cannot be confirmed"),
        ("tasks=lambda:", "data=lambda: {'a': '0'}, tasks=lambda:", "the data 'a' is not what"),
        ("(1, 2, 3)", "(1, 2)", "its tasks are not those that were recorded"),
        ("import time", "raise ValueError('no time')", '{"x":'),
        ("from paper_utils.results", "import no_such\nfrom paper_utils.results", "lab.one cannot"),
        (
            "from paper_utils.results",
            "missing\nfrom paper_utils.results",
            "NameError: name 'missing'",
        ),
        ('"squares",', "NAME,", "name and what it is as literal texts"),
        ("def square(", "def square(:", "one.py, line "),
    ],
)
def test_what_keeps_a_record_from_being_confirmed_is_one_line(lab, before, after, message):
    path = results.result_path("squares")
    kept = path.read_bytes()
    lab.write(one=SQUARES.replace(before, after))
    code, (line,) = lab.confirm("squares")
    assert code == 1 and message in line
    assert path.read_bytes() == kept


def test_a_record_that_is_not_there_is_one_line(lab):
    lab.write(one=SQUARES, two=CUBES)
    assert lab.confirm("cubes") == (
        1,
        ["paper: no result 'cubes' yet; compute it: paper results run cubes"],
    )
    code, (*_, line) = lab.paper("confirm", "cub")
    assert code == 2 and "did you mean 'cubes'" in line


def test_an_experiment_that_is_gone_is_named_and_the_others_go_on(lab):
    lab.write(one=SQUARES, two=CUBES)
    results.run("cubes", workers=1, progress=False)
    lab.write(one=SQUARES)
    code, lines = lab.confirm("all")
    assert code == 1
    assert lines[0] == "paper: cubes: no experiment of this name is left; lab.two:cube computed it"
    assert lines[1].startswith("squares: 4 tasks agree")
    assert lab.confirm("cubes") == (1, lines[:1])
    code, lines = lab.paper("list")
    assert code == 0 and "cubes  [stale]  no experiment of this name is left" in lines


def test_an_interruption_leaves_every_record_whole(lab):
    lab.write(one=SQUARES, two=CUBES)
    results.run("cubes", workers=1, progress=False)
    before = results.result_path("squares").read_bytes()
    lab.write(one=SQUARES.replace("import time", "raise KeyboardInterrupt"), two=CUBES)
    code, lines = lab.confirm("all")
    assert (code, lines[-1]) == (130, "paper: interrupted; nothing half-written is left")
    assert len(lab.record("cubes")["confirmations"]) == 1
    assert results.result_path("squares").read_bytes() == before
    files = {path.name for path in (lab.folder / "results").iterdir()}
    assert files == {"cubes.json", "squares.json"}


def test_other_versions_and_weights_are_kept_with_a_confirmation(lab, monkeypatch):
    monkeypatch.setattr(compute, "_versions", lambda: {"numpy": "99"})
    note = "from paper_utils.encoders import cache; import time"
    noted = SQUARES.replace("import time", f"{note}\n    cache.weights['mine'] = '1b'")
    lab.write(one=noted)
    lab.confirm("squares")
    (kept,) = lab.record()["confirmations"]
    assert kept["versions"] == {"numpy": "99"}
    assert kept["weights"] == {"mine": "1b"}
    results.run("squares", workers=1, progress=False)
    assert lab.record()["weights"] == {"mine": "1b"}


@pytest.mark.parametrize(
    ("tolerance", "old", "new", "agrees"),
    [
        ({}, {"a": 1}, {"a": 1}, True),
        ({}, {"a": 1.0}, {"a": 1.0 + 1e-15}, False),
        ({"rel": 1e-3}, {"a": 1000.0}, {"a": 1000.9}, True),
        ({"rel": 1e-3}, {"a": 1000.0}, {"a": 1002.0}, False),
        ({"abs": 0.5}, {"a": [0, 1]}, {"a": [0, 1.5]}, True),
        ({"abs": 0.5}, {"a": [0, 1]}, {"a": [0, 1, 1]}, False),
        ({"se": 2}, {"a": 1.0, "a_se": 0.1}, {"a": 1.19, "a_se": 0.1}, True),
        ({"se": 2}, {"a": 1.0, "a_se": 0.1}, {"a": 1.21, "a_se": 0.1}, False),
        ({"se": 2}, {"a": 1.0, "a_se": 0.1}, {"a": 1.0, "a_se": 0.11}, False),
        ({"se": 2}, {"mean": 1.0, "se": 0.1}, {"mean": 1.1, "se": 0.1}, True),
        ({"abs": 9}, {"a": "x"}, {"a": "y"}, False),
        ({"abs": 9}, {"a": True}, {"a": False}, False),
        ({"abs": 9}, {"a": None}, {"a": 1.0}, False),
        ({"abs": 9}, {"a": 1}, {"b": 1}, False),
        ({"unchecked": ("s",)}, {"a": {"s": 1.0}}, {"a": {"s": 2.0}}, True),
        ({"unchecked": ("s",)}, {"s": 1.0}, {}, False),
    ],
)
def test_what_agrees_within_a_tolerance(tolerance, old, new, agrees):
    assert compare(old, new, Tolerance(**tolerance, why="What is tried here.")).agrees is agrees


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rel": -1}, "rel is -1; allowed: 0 or more"),
        ({"abs": float("nan")}, "abs is nan"),
        ({"unchecked": "took_s"}, "unchecked is 'took_s'; allowed: a tuple"),
        ({"why": "because"}, "why is 'because'; allowed: a sentence"),
    ],
)
def test_a_tolerance_that_says_nothing_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        Tolerance(**({"why": "What is tried here."} | given))


def test_two_experiments_of_one_name_are_refused(lab):
    lab.write(one=SQUARES, two=SQUARES)
    with pytest.raises(PaperError, match=r"two experiments are named 'squares': in lab\.one and"):
        results.index()
