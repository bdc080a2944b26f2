"""Long computations, kept with their provenance.

An *experiment* is a named list of independent tasks, each a call of one pure function. Its record,
`results/NAME.json`, says when, how and by what code it was computed, and how often it was computed
anew in part and agreed. Chapters read it with :func:`get`.
"""

from paper_utils.results.compute import dask_client, run
from paper_utils.results.confirmation import confirm, confirmation_text
from paper_utils.results.own import FOLDER, get_own, run_own
from paper_utils.results.record import (
    Result,
    get,
    is_current,
    load,
    recorded,
    result_path,
    save,
    shown,
    state_of,
)
from paper_utils.results.registry import (
    Entry,
    Experiment,
    experiment,
    experiments,
    find_entry,
    find_experiment,
    index,
)
from paper_utils.results.tolerance import EXACT, FLOAT32, RANKS, SEEDED, Tolerance

__all__ = [
    "EXACT",
    "FLOAT32",
    "FOLDER",
    "RANKS",
    "SEEDED",
    "Entry",
    "Experiment",
    "Result",
    "Tolerance",
    "confirm",
    "confirmation_text",
    "dask_client",
    "experiment",
    "experiments",
    "find_entry",
    "find_experiment",
    "get",
    "get_own",
    "index",
    "is_current",
    "load",
    "recorded",
    "result_path",
    "run",
    "run_own",
    "save",
    "shown",
    "state_of",
]
