"""Errors that a user can mend, said in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PaperError(Exception):
    """Something outside the code went wrong: a file, a network, a chapter. Exit code 1."""

    exit_code = 1


class UsageError(PaperError, ValueError):
    """The value given does not exist or is not allowed; the message says what is. Exit code 2."""

    exit_code = 2


def did_you_mean(value: object, allowed: Iterable[object]) -> str:
    """Return a hint naming the nearest allowed value, where one is near, then all of them.

    >>> did_you_mean("minlm", ["minilm", "random"])
    "did you mean 'minilm'? Allowed: minilm, random"
    """
    names = [str(name) for name in allowed]
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return hint + "Allowed: " + ", ".join(names)
