"""Settings of the command in a file: the same names as its options."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_utils.errors import UsageError, did_you_mean

#: What is read in the working folder where `--config` names nothing, the first that is there.
FILES = ("embedding-audit.toml", "pyproject.toml")

TABLE = "embedding-audit"  #: of ``[tool]`` in a pyproject.toml


def read_config(path: str | None, allowed: Mapping[str, bool]) -> dict[str, Any]:
    """Return settings by the names of parameters; `path` None: the first of `FILES`, or nothing.
    `allowed` says of each name whether it takes several values.
    """
    if path is None:
        found = (file for file in map(Path, FILES) if file.is_file())
        contents = (_content(file, bare=file.name != FILES[1]) for file in found)
        given = next((content for content in contents if content is not None), {})
    else:
        given = _content(Path(path), bare=Path(path).name != FILES[1]) or {}
    where = f"--config {path}" if path else "the config file"
    return dict(_setting(name, value, allowed, where) for name, value in given.items())


def _content(file: Path, *, bare: bool) -> dict[str, Any] | None:
    """The settings of a file; None where a pyproject.toml has none."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {file}: not TOML: {' '.join(str(error).split())}") from None
    tool = content.get("tool", {})
    table = tool.get(TABLE) if isinstance(tool, dict) else None
    return table if table is not None or not bare else content


def _setting(name: str, value: Any, allowed: Mapping[str, bool], where: str) -> tuple[str, Any]:
    key = name.replace("-", "_")
    if key not in allowed:
        names = [one.replace("_", "-") for one in allowed]
        raise UsageError(f"{where}: no setting {name!r}; {did_you_mean(name, names)}")
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) for one in values):
        raise UsageError(f"{where}: {name} must be a string, a number or true, not {value!r}")
    if allowed[key]:
        return key, [str(one) for one in values]
    if isinstance(value, list):
        raise UsageError(f"{where}: {name} takes one value, not {value!r}")
    return key, value
