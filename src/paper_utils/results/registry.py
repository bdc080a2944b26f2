"""Experiments by name: which function, which tasks, which data.

What there is and which code it depends on is read off the sources; a module is imported only
when its experiment is computed.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from paper_utils import fingerprint
from paper_utils.errors import PaperError, UsageError, did_you_mean
from paper_utils.fingerprint import code_key, modules_used
from paper_utils.results.tolerance import Tolerance

#: Packages whose modules, at any depth, may register experiments.
PLACES = ("paper_chapters", "paper_utils.panel")

_PLUMBING = tuple(  # these carry values about and cannot change them
    f"paper_utils.{name}"
    for name in ("results", "fingerprint", "paths", "errors", "encoders.cache")
)


def _key(module: str) -> str:
    return code_key(modules_used(f"import {module}", without=_PLUMBING))


def command(name: str) -> str:
    """Return the command that computes the experiment `name`."""
    return f"paper results run {name}"


@dataclass(frozen=True)
class Entry:
    """An experiment as its source names it; `function` is ``module:function``."""

    name: str
    what: str
    module: str
    function: str

    @cached_property
    def code_key(self) -> str:
        """Return the checksum of the code that the result depends on."""
        return _key(self.function.partition(":")[0])

    @property
    def command(self) -> str:
        """Return the command that recomputes it."""
        return command(self.name)


@dataclass(frozen=True)
class Experiment:
    """A long computation by name.
    `function(**task)` is pure and gives a JSON-able mapping; `tasks()` lists its keyword arguments,
    `data()` the checksums of the real data that enters. Tasks are of one kind where they have the
    same parameters and the same values of those that `kinds` names.
    """

    name: str
    what: str
    function: Callable[..., Mapping[str, Any]]
    tasks: Callable[[], list[dict[str, Any]]]
    data: Callable[[], dict[str, str]] = field(default=dict)
    tolerance: Tolerance | None = field(default=None, kw_only=True)
    kinds: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def entry(self) -> Entry:
        """Return what its source says of it."""
        home = f"{self.function.__module__}:{self.function.__qualname__}"
        return Entry(self.name, self.what, self.function.__module__, home)

    @cached_property
    def code_key(self) -> str:
        """Return the checksum of the code that the result depends on."""
        return self.entry.code_key

    @property
    def command(self) -> str:
        """Return the command that recomputes it."""
        return command(self.name)


_registry: dict[str, Experiment] = {}


def experiment(
    name: str,
    what: str,
    *,
    tasks: Callable[[], list[dict[str, Any]]],
    data: Callable[[], dict[str, str]] = dict,
    tolerance: Tolerance | None = None,
    kinds: tuple[str, ...] = (),
) -> Callable[[Callable[..., Mapping[str, Any]]], Callable[..., Mapping[str, Any]]]:
    """Register the decorated function as the experiment `name`, as in :class:`Experiment`.
    `name` and `what` must be literals: they are also read off the source.
    """

    def register(function: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
        _registry[name] = Experiment(
            name, what, function, tasks, data, tolerance=tolerance, kinds=kinds
        )
        return function

    return register


def experiments() -> dict[str, Experiment]:
    """Return all experiments by name, their modules imported."""
    return {name: find_experiment(name) for name in index()}


def find_experiment(name: str) -> Experiment:
    """Return the experiment `name`; only its module is imported."""
    entry = find_entry(name)
    if name not in _registry:
        with warnings.catch_warnings():
            # In a kernel tqdm.auto, which some library imports, asks for ipywidgets on the page.
            warnings.filterwarnings("ignore", message="IProgress not found")
            try:
                import_module(entry.module)
            except Exception as error:
                reason = (str(error).splitlines() or [""])[0]
                raise PaperError(
                    f"{name}: {entry.module} cannot be imported: {type(error).__name__}: {reason}"
                ) from error
    return _registry[name]


def find_entry(name: str) -> Entry:
    """Return what the sources say of the experiment `name`; nothing is imported."""
    known = index()
    if name not in known:
        raise UsageError(f"no experiment {name!r}; {did_you_mean(name, known)}")
    return known[name]


def index() -> dict[str, Entry]:
    """Return all experiments by name, read off the sources of `PLACES`."""
    return _index(fingerprint.SOURCES, PLACES)


@cache
def _index(sources: Path, places: tuple[str, ...]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for place in places:
        for path in sorted(sources.joinpath(*place.split(".")).rglob("*.py")):
            parts = path.relative_to(sources).with_suffix("").parts
            module = ".".join(part for part in parts if part != "__init__")
            for entry in _entries(path, module):
                if entry.name in found:
                    raise PaperError(
                        f"two experiments are named {entry.name!r}: in "
                        f"{found[entry.name].module} and in {module}"
                    )
                found[entry.name] = entry
    return dict(sorted(found.items()))


def _entries(path: Path, module: str) -> Iterator[Entry]:
    text = path.read_text(encoding="utf-8")
    if "experiment(" not in text:
        return
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise PaperError(f"{path}, line {error.lineno}: {error.msg}") from None
    homes = {}
    for node in body:
        match node:
            case ast.ImportFrom(module=str(home), level=0):
                homes |= {a.asname or a.name: f"{home}:{a.name}" for a in node.names}
            case ast.FunctionDef(name=function):
                for decorator in node.decorator_list:
                    yield from _entry(decorator, module, f"{module}:{function}")
            case ast.Expr(value=ast.Call(func=ast.Call() as call, args=[ast.Name(id=function)])):
                yield from _entry(call, module, homes.get(function, f"{module}:{function}"))


def _entry(call: ast.expr, module: str, function: str) -> Iterator[Entry]:
    match call:
        case ast.Call(
            func=ast.Name(id="experiment"),
            args=[ast.Constant(value=str(name)), ast.Constant(value=str(what))],
        ):
            yield Entry(name, what, module, function)
        case ast.Call(func=ast.Name(id="experiment")):
            raise PaperError(
                f"{module}, line {call.lineno}: experiment() needs its name and what it is as "
                "literal texts"
            )
