"""Long computations, kept with their provenance.

An *experiment* is a named list of independent tasks, each a call of one pure function.
``paper results run NAME`` computes it and writes `results/NAME.json`; chapters read it
with :func:`get`, which says when it was recorded, how long it took and how to re-run it,
and whether code has changed since. Finished tasks survive an interruption.
"""

from paper_utils.results.compute import run
from paper_utils.results.record import Result, get, is_current, load, result_path
from paper_utils.results.registry import Experiment, experiment, experiments, find_experiment

__all__ = [
    "Experiment",
    "Result",
    "experiment",
    "experiments",
    "find_experiment",
    "get",
    "is_current",
    "load",
    "result_path",
    "run",
]
