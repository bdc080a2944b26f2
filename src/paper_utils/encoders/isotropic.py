"""The isotropic control: directions that are independent of the meaning of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders.base import TextEncoder

DIM = 384  # that of MiniLM, whose control this is


class Isotropic(TextEncoder):
    """Each text gets a uniformly distributed direction by its own hash; equal texts get equal ones.
    The stream is SHAKE-256 of seed and text through the normal quantile function: it depends on no
    library's random generator.
    """

    kept = False  # drawing is about as quick as reading

    def __init__(self, name: str, *, seed: int) -> None:
        super().__init__(name)
        self.seed = seed

    @property
    def dim(self) -> int:
        """384, as MiniLM."""
        return DIM

    def recipe(self) -> Mapping[str, object]:
        """Seed and dimension."""
        return {"encoder": "isotropic", "revision": 1, "dim": DIM, "seed": self.seed}

    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        from scipy.special import ndtri

        prefix = f"isotropic {self.seed} ".encode()
        stream = b"".join(
            hashlib.shake_256(prefix + text.encode()).digest(8 * DIM) for text in texts
        )
        words = np.frombuffer(stream, dtype="<u8").reshape(len(texts), DIM)
        # The middle of one of 2^52 equal cells: never 0 or 1, where the quantile is infinite.
        uniform = ((words >> np.uint64(12)) + 0.5) * 2.0**-52
        normal = ndtri(uniform)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        bar.update(len(texts))
        return normal.astype(np.float32)
