"""Set codes with equal scores for all that is listed, so that a query's parts add up."""

from __future__ import annotations

import torch

from paper_utils.codes.set_codes import SetCodes
from paper_utils.codes.solver import Pool, Separator

LEVEL = 1.0  #: what each listed attribute scores; the others score minus that or less
# A score further than this from its level, or from the bound of the others, counts as wrong.
# Below one half, documents with both of two attributes stand above all that lack one.
_TOLERANCE = 0.5


class LevelPool(Pool):
    """Documents in work, whose listed scores are clipped from above too."""

    def fill(self) -> bool:
        work = super().fill()
        self.high.clamp_(max=LEVEL)
        return work

    @staticmethod
    def sides(scores: torch.Tensor, listed: torch.Tensor) -> torch.Tensor:
        return torch.where(listed, LEVEL - (scores - LEVEL).abs(), -scores)


class LevelSeparator(Separator):
    """As `Separator`, with the scores of listed attributes bounded on both sides.
    Wrong are listed scores outside 0.5 to 1.5 and others above -0.5; `least` is the least of
    1 - |score - 1| of what is listed and -score of all else, less 0.5.
    """

    pool, slack = LevelPool, _TOLERANCE


class LevelCodes(SetCodes):
    """Set codes in which every listed attribute scores the same.
    Listed attributes score 1 and all others -1 or less, both within one half, so that a sum of m
    queries scores m for a document that lists all and m - 2 or less for one that does not: no
    attribute makes up for another. `wrong` also counts listed attributes off their level.
    """

    separator = LevelSeparator
