"""Holding a record true: tasks drawn at random are computed anew and compared with it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paper_utils.errors import PaperError
from paper_utils.fingerprint import canonical_json
from paper_utils.results.compute import circumstances, timed, weights_of
from paper_utils.results.record import load, result_path, save
from paper_utils.results.registry import Experiment, find_entry, find_experiment, index
from paper_utils.results.tolerance import Comparison, Tolerance, compare

BUDGET = 20.0
_KEPT = 3


def confirm(name: str, *, budget: float = BUDGET, seed: int = 0) -> dict[str, Any]:
    """Compute some tasks of the record `name` anew; add to it, and return, what was found.
    Where a value differs by more than the experiment's tolerance the record notes that, is stale
    from then on, and the error says where. Whatever else goes wrong leaves it as it was.
    """
    path = result_path(name)
    if not path.is_file():
        raise PaperError(f"no result {name!r} yet; compute it: {find_entry(name).command}")
    content = load(path)
    if name not in index():
        by = content["function"] or "code that is gone"
        raise PaperError(f"{name}: no experiment of this name is left; {by} computed it")
    chosen = find_experiment(name)
    tolerance = _checked(chosen, content)
    began, entries, found = time.perf_counter(), [], []
    for task in draw(chosen, content, budget, seed):
        entry = timed(name, chosen.function, task["parameters"])
        comparison = compare(task["value"], entry["value"], tolerance)
        if not comparison.agrees:
            _disagree(chosen, content, task["parameters"], comparison)
        entries.append(entry)
        found.append(comparison)
    here = circumstances(chosen)
    confirmation = {
        "date": here["date"],
        "commit": here["commit"],
        "code_key": here["code_key"],
        "seed": seed,
        "budget_s": budget,
        "tasks": [entry["parameters"] for entry in entries],
        "compared": sum(each.compared for each in found),
        "unchecked": sum(each.unchecked for each in found),
        "largest_deviation": max(each.worst.deviation if each.worst else 0.0 for each in found),
        "duration_s": round(time.perf_counter() - began, 2),
        "cached_encodings": sum(entry["cached_encodings"] for entry in entries),
        "weights": weights_of(entries),
    }
    confirmation |= {
        part: changed
        for part in ("versions", "machine")
        if (changed := _changed(content[part], here[part]))
    }
    content.pop("disagreement", None)
    save(path, content | {"confirmations": _with(content, confirmation)})
    return confirmation


def confirmation_text(found: Mapping[str, Any]) -> str:
    """Return one line on a confirmation: how much was compared, how far it was off."""
    text = (
        f"{len(found['tasks'])} tasks agree in {found['compared']} numbers; the largest difference "
        f"is {found['largest_deviation']:.2g} of what is allowed; {found['duration_s']:.0f} s"
    )
    if found["unchecked"]:
        text += f"; {found['unchecked']} not compared"
    return text + ("; with encodings from the cache" if found["cached_encodings"] else "")


def _checked(chosen: Experiment, content: Mapping[str, Any]) -> Tolerance:
    """Return the tolerance, after all that can be said without computing a task."""
    name, again = chosen.name, f"compute it anew: {chosen.command}"
    if chosen.tolerance is None:
        raise PaperError(f"{name}: its experiment states no tolerance")
    try:
        data, tasks = chosen.data(), chosen.tasks()
    except (PaperError, OSError) as error:
        raise PaperError(f"{name} cannot be confirmed here: {error}") from None
    for key in sorted(data.keys() | content["data"].keys()):
        if data.get(key) != content["data"].get(key):
            raise PaperError(
                f"{name} cannot be confirmed here: the data {key!r} is not what was recorded"
            )
    recorded = [canonical_json(task["parameters"]) for task in content["tasks"]]
    if sorted(recorded) != sorted(map(canonical_json, tasks)):
        raise PaperError(f"{name}: its tasks are not those that were recorded; {again}")
    against = content.get("disagreement")
    if against and against["code_key"] == chosen.code_key:
        raise PaperError(
            f"{name}: on {against['date'][:10]} this code differed from it in the task "
            f"{canonical_json(against['task'])}; {again}"
        )
    return chosen.tolerance


def draw(
    chosen: Experiment, content: Mapping[str, Any], budget: float, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield random tasks: what disagreed last, a cheap one of each kind, then what fits."""
    began, chance = time.perf_counter(), random.Random(f"{chosen.name} {seed}")

    def fitting(tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        left = budget - (time.perf_counter() - began)
        return [task for task in tasks if task["duration_s"] <= left]

    kinds: dict[str, list[dict[str, Any]]] = {}
    for task in content["tasks"]:
        kinds.setdefault(_kind(chosen, task["parameters"]), []).append(task)
    rest = sorted(content["tasks"], key=lambda task: task["duration_s"])
    against = content.get("disagreement", {}).get("task")
    for task in [task for task in rest if task["parameters"] == against]:
        rest.remove(task)
        yield task
    cheaper = [
        sorted(tasks, key=lambda task: task["duration_s"])[: (len(tasks) + 1) // 2]
        for tasks in kinds.values()
    ]
    for tasks in sorted(cheaper, key=lambda tasks: tasks[0]["duration_s"]):
        task = chance.choice(fitting(tasks) or tasks[:1])
        if task in rest:
            rest.remove(task)
            yield task
    while affordable := fitting(rest):
        task = chance.choice(affordable)
        rest.remove(task)
        yield task


def _kind(chosen: Experiment, parameters: Mapping[str, Any]) -> str:
    return canonical_json(
        [sorted(parameters), {name: parameters.get(name) for name in chosen.kinds}]
    )


def _disagree(
    chosen: Experiment, content: Mapping[str, Any], task: dict[str, Any], found: Comparison
) -> None:
    """Write down that a recomputed value differs, and say so."""
    here, worst = circumstances(chosen), found.worst
    left = [one for one in content["confirmations"] if one["code_key"] != here["code_key"]]
    disagreement = {
        "date": here["date"],
        "commit": here["commit"],
        "code_key": here["code_key"],
        "task": task,
        "place": worst.place,
        "recorded": worst.recorded,
        "computed": worst.computed,
        "allowed": worst.allowed,
    }
    save(
        result_path(chosen.name),
        {**content, "confirmations": left, "disagreement": disagreement},
    )
    raise PaperError(
        f"{chosen.name}: the task {canonical_json(task)} computed anew has {worst}; it is stale "
        f"now: {chosen.command}"
    )


def _with(content: Mapping[str, Any], confirmation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the last confirmations of a record, one of each code key."""
    others = [
        one for one in content["confirmations"] if one["code_key"] != confirmation["code_key"]
    ]
    return [*others, confirmation][-_KEPT:]


def _changed(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in here.items() if recorded.get(key) != value}
