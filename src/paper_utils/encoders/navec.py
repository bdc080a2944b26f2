"""navec: static word vectors of Russian news, averaged over the words of a text."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from paper_utils.encoders import checkpoint
from paper_utils.encoders.base import TextEncoder
from paper_utils.errors import PaperError

if TYPE_CHECKING:
    import navec

PACKAGE = "natasha"
FILE = "data/emb/navec_news_v1_1B_250K_300d_100q.tar"
SHA256 = "f07270833d78523edc5781538d67038e95b43975e4a7ae757c693b687f9cbfca"
DIM = 300

# All 250,000 words of the vocabulary have this form, in lower case.
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


class Navec(TextEncoder):
    """Mean of the vectors of a text's known words; not normalised.
    Words are runs of letters in lower case, compounds with hyphens; no digits: "12 V" is "18 V". An
    unknown word is looked up with е for ё, then by the parts of a compound, else left out. A text
    without a known word gets navec's own `<unk>` vector.
    """

    kept = False  # averaging is about as quick as reading

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.path = navec_file()
        found = checkpoint.file_sha256(self.path)
        if found != SHA256:
            raise PaperError(
                f"the navec vectors in package {PACKAGE} are not those that this book was "
                f"checked with: sha256 {found[:12]}…, not {SHA256[:12]}…; reinstall the package"
            )

    @property
    def dim(self) -> int:
        """300."""
        return DIM

    def recipe(self) -> Mapping[str, object]:
        """The file and the revision of the rules above."""
        return {"encoder": "navec", "revision": 1, "sha256": SHA256}

    @cached_property
    def pack(self) -> navec.Navec:
        """Vocabulary and quantised vectors."""
        from navec import Navec as Pack

        return Pack.load(self.path)

    def _vectors(self, texts: list[str], bar: tqdm) -> NDArray[np.float32]:
        from scipy.sparse import csr_array

        ids = self.pack.vocab.word_ids
        rows = [list(known_words(text, ids)) or [ids["<unk>"]] for text in texts]
        lengths = [len(row) for row in rows]
        used, columns = np.unique(np.concatenate(rows), return_inverse=True)
        weights = np.repeat(1 / np.array(lengths, dtype=np.float64), lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        mean = csr_array((weights, columns, starts), shape=(len(rows), len(used)))
        bar.update(len(texts))
        return (mean @ self._unpack(used)).astype(np.float32)

    def _unpack(self, ids: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return vectors (n_ids, 300) of some words; unpacking all would take 300 MB."""
        pq = self.pack.pq
        return pq.codes[pq.qdims, pq.indexes[ids]].reshape(len(ids), DIM).astype(np.float64)


def known_words(text: str, ids: Mapping[str, int]) -> Iterator[int]:
    """Yield ids of the words of `text` that are in the vocabulary `ids`.

    >>> ids = {"дрель": 0, "щетка": 1, "кое-что": 2, "что": 3}
    >>> list(known_words("Дрель-шуруповёрт 18В, щётка", ids)), list(known_words("кое-что", ids))
    ([0, 1], [2])
    """
    for word in _WORD.findall(text.lower()):
        for form in (word, *word.split("-")) if "-" in word else (word,):
            found = ids.get(form, ids.get(form.replace("ё", "е")))
            if found is not None:
                yield found
                if form is word:
                    break


def navec_file() -> Path:
    """Return where the package keeps the vectors, or raise `PaperError`."""
    # The package itself is never imported: it needs pymorphy2, which Python 3.11 broke.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None or importlib.util.find_spec("navec") is None:
        raise PaperError(f"navec is not here: pip install {PACKAGE}")
    path = Path(spec.origin).parent / FILE
    if not path.is_file():
        raise PaperError(f"the package {PACKAGE} has no navec vectors; reinstall it")
    return path
