"""How far a long step is, said where somebody looks."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

VARIABLE = "PAPER_PROGRESS"  #: environment variable with the file that a notebook's runner watches


def track(items: Collection[T], what: str) -> Iterator[T]:
    """Yield `items` and say how many are done.
    In a notebook that the `paper` command executes, the words go to the runner (the page stays free
    of them); in a terminal tqdm shows a bar; elsewhere nothing is said.
    """
    total = len(items)
    path = os.environ.get(VARIABLE)
    if not path:
        from tqdm import tqdm

        quiet = not sys.stderr.isatty()
        yield from tqdm(items, desc=what, total=total, disable=quiet, leave=False)
        return
    began = last = time.monotonic()
    _say(path, what, 0, total, None)
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= 0.5 or done == total:
            last = now
            _say(path, what, done, total, (now - began) / done * (total - done))


def _say(path: str, what: str, done: int, total: int, left: float | None) -> None:
    line = json.dumps(
        {"what": what, "done": done, "of": total, "left_s": None if left is None else round(left)}
    )
    try:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError:  # nobody listens any more
        return
