"""Experiments by name: which function, which tasks, which data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from paper_utils.errors import UsageError, did_you_mean
from paper_utils.fingerprint import code_key, modules_used
from paper_utils.paths import PACKAGE

# These carry values about and cannot change them.
_PLUMBING = tuple(
    f"paper_utils.{name}"
    for name in ("results", "fingerprint", "paths", "errors", "encoders.cache")
)


@dataclass(frozen=True)
class Experiment:
    """A long computation by name.

    Attributes
    ----------
    name : str
        Also the name of its file in `results/`.
    what : str
        One sentence for `paper results list`.
    function : callable
        ``function(**task) -> JSON-able mapping``; pure, so that tasks may run anywhere.
    tasks : callable
        ``tasks() -> list of keyword arguments``, one mapping per independent task.
    data : callable
        ``data() -> {name: checksum}`` of the real data that enters.
    """

    name: str
    what: str
    function: Callable[..., Mapping[str, Any]]
    tasks: Callable[[], list[dict[str, Any]]]
    data: Callable[[], dict[str, str]] = field(default=dict)

    @cached_property
    def code_key(self) -> str:
        """Return the checksum of the code that the result depends on."""
        return code_key(modules_used(f"import {self.function.__module__}", without=_PLUMBING))

    @property
    def command(self) -> str:
        """Return the command that recomputes it."""
        return f"paper results run {self.name}"


_registry: dict[str, Experiment] = {}


def experiment(
    name: str,
    what: str,
    *,
    tasks: Callable[[], list[dict[str, Any]]],
    data: Callable[[], dict[str, str]] = dict,
) -> Callable[[Callable[..., Mapping[str, Any]]], Callable[..., Mapping[str, Any]]]:
    """Register the decorated function as the experiment `name`.

    Experiments live in the modules of `paper_utils.experiments`, one subject each.

    Parameters
    ----------
    name, what, tasks, data
        As in :class:`Experiment`.
    """

    def register(function: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
        _registry[name] = Experiment(name, what, function, tasks, data)
        return function

    return register


def experiments() -> dict[str, Experiment]:
    """Return all experiments by name."""
    with warnings.catch_warnings():
        # In a kernel tqdm.auto, which some library imports, asks for ipywidgets on the page.
        warnings.filterwarnings("ignore", message="IProgress not found")
        for path in sorted((PACKAGE / "experiments").glob("[!_]*.py")):
            import_module(f"paper_utils.experiments.{path.stem}")
    return dict(sorted(_registry.items()))


def find_experiment(name: str) -> Experiment:
    """Return the experiment `name`.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    known = experiments()
    if name not in known:
        raise UsageError(f"no experiment {name!r}; {did_you_mean(name, known)}")
    return known[name]
