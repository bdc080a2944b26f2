"""Encode the panel into the cache, the quick encoders first: `python -m paper_utils.panel.encode`.

Interrupted, it goes on where it stopped: at most one chunk of 512 texts is computed anew.
"""

from __future__ import annotations

import os
import sys
import time
from functools import lru_cache

from paper_utils.encoders.base import Encoder
from paper_utils.encoders.poolings import keep_poolings
from paper_utils.errors import PaperError
from paper_utils.panel.pairs import (
    LANGUAGE_MODELS,
    POOLINGS,
    Pair,
    encoding_order,
    load_pair_encoder,
    sides,
)


@lru_cache(maxsize=1)  # sets of one encoder follow one another: its network is loaded once
def _encoders(name: str) -> tuple[Encoder, ...]:
    poolings = POOLINGS if name in LANGUAGE_MODELS else (None,)
    return tuple(load_pair_encoder(Pair(name, "", pooling)) for pooling in poolings)


def encode(encoder: str, name: str) -> int:
    """Bring the vectors of one encoder and set into the cache; return the number of texts."""
    encoders, n = _encoders(encoder), 0
    for side, texts in sides(encoders[0], name):
        if len(encoders) > 1:
            keep_poolings(encoders, texts, progress=sys.stderr.isatty())
        else:
            side.encode(texts, progress=sys.stderr.isatty())
        n += len(texts)
    return n


def main() -> int:
    """Encode all pairs in their order and say how each went; 1 where some could not be encoded."""
    import torch

    torch.set_num_threads(1)
    os.nice(5)
    todo, failed = encoding_order(), 0
    for number, (encoder, name) in enumerate(todo, start=1):
        began = time.perf_counter()
        try:
            what = f"{encode(encoder, name)} texts"
        except PaperError as error:
            what, failed = f"failed: {error}", failed + 1
        took = time.perf_counter() - began
        now = time.strftime("%H:%M:%S")
        print(f"{now} {number}/{len(todo)} {encoder} {name}: {what}, {took:.0f} s", flush=True)  # noqa: T201
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
