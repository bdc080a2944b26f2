"""Query vectors fitted together with the codes of some documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from paper_utils.errors import UsageError

_RATE = 0.02  # step of the optimiser (Adam): scores are of order one
_BATCH = 256


def learn_vectors(
    n_attributes: int,
    members: Sequence[NDArray[np.int64]],
    d: int,
    *,
    epochs: int = 400,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Fit query vectors and document codes together by descent on the squared hinge.
    `members` holds the attributes that each training document lists. Returns unit rows, shape
    (n_attributes, d), with which all documents are encoded anew. The start is that of `SetCodes`.
    """
    if not len(members) or min(n_attributes, d, epochs) < 1:
        raise UsageError("learning needs documents, attributes, dimensions and epochs")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    start = torch.from_numpy(rng.standard_normal((n_attributes, d)).astype(np.float32))
    queries = torch.nn.Parameter(start)
    side = -torch.ones(len(members), n_attributes)
    for row, listed in enumerate(members):
        side[row, torch.from_numpy(np.asarray(listed))] = 1.0
    # Codes begin as sums of the vectors, centred: the best guess without any solving.
    unit = torch.nn.functional.normalize(start, dim=1)
    codes = torch.nn.Parameter((side - side.mean(dim=1, keepdim=True)) @ unit)
    cutoffs = torch.nn.Parameter(torch.ones(len(members)))
    optimiser = torch.optim.Adam([queries, codes, cutoffs], lr=_RATE)
    for _ in range(epochs):
        for part in torch.randperm(len(members)).split(_BATCH):
            unit = torch.nn.functional.normalize(queries, dim=1)
            scores = codes[part] @ unit.T - cutoffs[part, None]
            loss = (1 - side[part] * scores).clamp(min=0).square().sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    found = queries.detach().numpy().astype(np.float64)
    return found / np.linalg.norm(found, axis=1, keepdims=True)
