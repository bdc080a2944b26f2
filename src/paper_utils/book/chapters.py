"""Chapters: where they lie, what they are called, which parameters they take."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from paper_utils.errors import PaperError, UsageError, did_you_mean
from paper_utils.fingerprint import code_key, modules_used

if TYPE_CHECKING:
    import nbformat


@dataclass(frozen=True)
class Parameter:
    """One line of a chapter's parameters cell."""

    name: str
    default: Any  # a literal: number, text, bool or list
    help: str = ""  # the comment; `one of: a, b`, `at least 2` and `at most 9` in it are enforced

    @property
    def choices(self) -> list[str] | None:
        """Return the values that the comment allows, None when it allows any."""
        match = re.search(r"one of:\s*([^;.()]+)", self.help)
        return [part.strip() for part in match.group(1).split(",")] if match else None

    def bound(self, which: str) -> float | None:
        """Return the number after `at least` or `at most` in the comment."""
        match = re.search(rf"{which}\s+(-?[\d._e]+)", self.help)
        return float(match.group(1).replace("_", "").rstrip(".")) if match else None

    @property
    def smallest(self) -> Any:
        """Return the least number that is allowed, the first item of a list, else the default."""
        if isinstance(self.default, list):
            return self.default[:1]
        least = self.bound("at least")
        return self.default if least is None else self._typed(least)

    def coerce(self, value: Any) -> Any:
        """Return `value` (YAML text or an object) as this parameter's type, or raise UsageError.

        >>> Parameter("n_items", 2000, "at least 50").coerce("100")
        100
        >>> Parameter("models", ["minilm"], "").coerce("minilm,random")
        ['minilm', 'random']
        """
        if isinstance(value, str) and not isinstance(self.default, str):
            parts = _from_text(value)
            if isinstance(self.default, list) and not isinstance(parts, list):
                parts = [_from_text(part) for part in value.split(",")]
            value = parts
        value = self._typed(value)
        for item in value if isinstance(value, list) else [value]:
            self._allowed(item)
        return value

    def _typed(self, value: Any) -> Any:
        default = self.default
        if isinstance(default, bool) or isinstance(value, bool):
            good = isinstance(default, bool) and isinstance(value, bool)
        elif isinstance(default, float):
            good = isinstance(value, int | float)
            value = float(value) if good else value
        elif isinstance(default, int):
            good = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            value = int(value) if good else value
        elif isinstance(default, list):
            good = isinstance(value, list) and bool(value)
            if good and default:
                value = [Parameter(self.name, default[0], self.help)._typed(item) for item in value]
        else:
            good = isinstance(value, type(default))
        if not good:
            kind = {"str": "text", "int": "a whole number", "float": "a number"}
            name = type(default).__name__
            raise UsageError(
                f"parameter {self.name!r} must be {kind.get(name, 'a ' + name)} "
                f"like {default!r}, not {value!r}"
            )
        return value

    def _allowed(self, value: Any) -> None:
        if self.choices and str(value) not in self.choices:
            raise UsageError(
                f"parameter {self.name!r}: {value!r}; {did_you_mean(value, self.choices)}"
            )
        low, high = self.bound("at least"), self.bound("at most")
        if low is not None and value < low:
            raise UsageError(f"parameter {self.name!r} must be at least {low:g}, not {value!r}")
        if high is not None and value > high:
            raise UsageError(f"parameter {self.name!r} must be at most {high:g}, not {value!r}")


def _from_text(text: str) -> Any:
    """Return the YAML value of `text`, numbers like 1e3 included, or the text itself."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


@dataclass(frozen=True)
class Chapter:
    """A chapter source `notebooks/NN-slug.md`."""

    path: Path

    @property
    def name(self) -> str:
        """Return `NN-slug`, the file name without its ending."""
        return self.path.stem

    @property
    def slug(self) -> str:
        """Return the name without its number."""
        return re.sub(r"^\d+-", "", self.name)

    @cached_property
    def notebook(self) -> nbformat.NotebookNode:
        """Return the source as a notebook without outputs; PaperError where it is none."""
        import jupytext  # a second: not for who only asks what there is

        try:
            notebook = jupytext.read(self.path, fmt="md:myst")
        except Exception as error:  # YAML, nbformat and jupytext each have errors of their own
            reason = " ".join(str(error).split())
            raise PaperError(f"{self.path.name} is no MyST notebook: {reason:.200}") from error
        if "kernelspec" not in notebook.metadata:
            raise PaperError(f"{self.path.name}: the header names no kernelspec")
        return notebook

    @cached_property
    def broken(self) -> str | None:
        """Return why the source cannot be executed, in one line; None when it can."""
        try:
            _ = self.parameters
            ast.parse(self.code)
        except PaperError as error:
            return str(error)
        except SyntaxError as error:
            return (
                f"{self.path.name}: a cell is not Python: {error.msg}: {(error.text or '').strip()}"
            )
        return None

    @cached_property
    def title(self) -> str:
        """Return the first heading."""
        for cell in self.notebook.cells:
            if cell.cell_type == "markdown":
                match = re.search(r"^#\s+(.+)$", cell.source, re.MULTILINE)
                if match:
                    return match.group(1).strip()
        return self.slug

    @cached_property
    def code(self) -> str:
        """Return the code of all cells, magics left out."""
        cells = [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]
        return "\n".join(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE) for source in cells)

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """Return the parameters of the cell tagged `parameters`, by name."""
        for cell in self.notebook.cells:
            if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
                return _parameters(cell.source, self.path.name)
        return {}

    @property
    def smallest(self) -> dict[str, Any]:
        """Return the overrides that make the chapter as small as its parameters allow."""
        values = {name: item.smallest for name, item in self.parameters.items()}
        return {k: value for k, value in values.items() if value != self.parameters[k].default}

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return `given` with every name and value checked and of the right type."""
        for name in given:
            if name not in self.parameters:
                raise UsageError(
                    f"chapter {self.slug!r} has no parameter {name!r}; "
                    f"{did_you_mean(name, self.parameters)}"
                )
        return {name: self.parameters[name].coerce(value) for name, value in given.items()}

    @cached_property
    def modules(self) -> list[str]:
        """Return the package modules that the chapter uses, directly or not."""
        # The recording helper is bound to every chapter, the runner to none.
        return [name for name in modules_used(self.code) if not name.startswith("paper_utils.book")]

    @cached_property
    def code_key(self) -> str:
        """Return the checksum of those modules' code."""
        return code_key(self.modules)


def _parameters(source: str, place: str) -> dict[str, Parameter]:
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, Parameter] = {}
    for node in ast.parse(source).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                raise PaperError(
                    f"{place}: the parameters cell may hold only lines 'name: type = value', "
                    f"not {ast.unparse(node)!r}"
                )
        try:
            default = ast.literal_eval(value)
        except ValueError:
            raise PaperError(f"{place}: the default of {name!r} must be a literal") from None
        found[name] = Parameter(name, default, comments.get(node.end_lineno or 0, ""))
    return found


def find_chapters(root: Path) -> list[Chapter]:
    """Return all chapters of the book in `root`, in reading order."""
    paths = sorted((root / "notebooks").glob("[0-9][0-9]-*.md"))
    return [Chapter(path) for path in paths]


def pick_chapter(chapters: Sequence[Chapter], name: str) -> Chapter:
    """Return the chapter that `name` (slug, number, `NN-slug` or file) means."""
    stem = Path(name).name.removesuffix(".md").removesuffix(".ipynb")
    for chapter in chapters:
        number = chapter.name.split("-")[0]
        if stem in (chapter.name, chapter.slug, number, number.lstrip("0")):
            return chapter
    slugs = [chapter.slug for chapter in chapters]
    hint = did_you_mean(name, slugs)
    begun = [slug for slug in slugs if stem and slug.startswith(stem)]
    if len(begun) == 1 and not hint.startswith("did you mean"):
        hint = f"did you mean {begun[0]!r}? {hint}"
    raise UsageError(f"no chapter {name!r}; {hint}")
