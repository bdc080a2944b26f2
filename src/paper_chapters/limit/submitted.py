"""The row of any encoder that a reader names, and the dimension that its recalls are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from paper_chapters.limit.panel_rows import one_vector, recalls
from paper_utils.codes.additive import LIMIT_SMALL, AdditiveLaw
from paper_utils.data.sources import datasets
from paper_utils.encoders import load_encoder
from paper_utils.limit.collection import named_collection

Row = Mapping[str, Sequence[float]]  #: ``recall@2`` -> [mean, low, high], and so on


def submitted_rows(models: Sequence[str]) -> tuple[str, dict[str, dict[str, dict]]]:
    """Return the collection, LIMIT-small where it is here and else generated data of its form, and
    encoder -> 'raw', 'centred' -> row.
    """
    here = any(info.reachable for info in datasets() if info.name == "limit-small")
    source = "limit-small" if here else "generated"
    data = named_collection(source)
    return source, {
        name: {how: recalls(data, S) for how, S in one_vector(load_encoder(name), data).items()}
        for name in models
    }


def equivalent_dimension(row: Row, k: int = 2) -> list[float]:
    """Return the dimension at which sums of random attribute vectors have this recall at `k` on
    data of LIMIT-small's form, with the ends of its interval: 0 at chance, infinite where complete.
    """
    law = AdditiveLaw(**LIMIT_SMALL)
    return [law.dimension(float(np.clip(recall, 0, 1)), k) for recall in row[f"recall@{k}"]]
