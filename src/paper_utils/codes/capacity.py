"""How many dimensions a vector needs to separate the attributes it lists from all others."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq, minimize_scalar
from scipy.special import ndtr

from paper_utils.checks import whole
from paper_utils.errors import UsageError

_THRESHOLDS = (-9.0, 9.0)  # the threshold, in standard deviations of a score, lies well within
_WIDEST = 1e3  # standard deviations; a wider margin takes more dimensions than attributes squared


@dataclass(frozen=True)
class Transition:
    r"""Where random sets of attributes become separable, and how sharply.

    A set is separable in d dimensions with probability :math:`\Phi((d - centre) / width)`.
    """

    centre: float  #: dimension at which half of the sets are separable
    width: float  #: standard deviation, in dimensions
    threshold: float  #: the best cut-off, in standard deviations of a score

    def probability(self, d: float) -> float:
        """Return the probability that a set is separable in `d` dimensions."""
        return float(ndtr((d - self.centre) / self.width))


def critical_dimension(n_attributes: int, length: int, margin: float = 0.0) -> float:
    r"""Return the dimension from which one vector can separate a random set of attributes.

    With V attributes of which a document lists L, f = L / V, margin :math:`\kappa` and
    :math:`h(x) = E(x + z)_+^2 = (1 + x^2)\Phi(x) + x\varphi(x)`,

    .. math:: d^* = V \min_u \{ f h(\kappa + u) + (1 - f) h(\kappa - u) \}.

    Parameters
    ----------
    n_attributes, length : int
        V, at least 2, and L, from 1 to V - 1.
    margin : float
        :math:`\kappa \ge 0`, in standard deviations of the score of a random query: for a
        document vector and query vectors of length one the margin is :math:`\kappa/\sqrt d`.

    Returns
    -------
    float

    References
    ----------
    E. Gardner, J. Phys. A 21 (1988) 257, for perceptrons whose outputs are biased; without a
    margin D. Amelunxen et al., Information and Inference 3 (2014) 224, theorem I.

    Examples
    --------
    >>> round(critical_dimension(1848, 45), 1), round(critical_dimension(7434, 73), 1)
    (184.9, 382.0)
    >>> round(critical_dimension(200, 100), 6)  # half of all: Cover's V / 2
    100.0
    """
    _check(n_attributes, length, margin)
    return n_attributes * _least(length / n_attributes, margin)[1]


def transition(n_attributes: int, length: int) -> Transition:
    r"""Return where, and how sharply, random sets become separable; no constant is fitted.

    The attainable score patterns are a random subspace. Whether it meets the cone of the
    right signs depends on the intrinsic volumes of the cone; their mean is
    :math:`d^*` less a correction of order one for the free cut-off, and their variance is
    :math:`\operatorname{Var}\|\Pi g\|^2 - 2 d^*` with :math:`\Pi g` the projection of
    a Gaussian vector onto the polar cone. The width thus grows like the root of V.

    Parameters
    ----------
    n_attributes, length : int
        As in :func:`critical_dimension`.

    Returns
    -------
    Transition

    References
    ----------
    M. McCoy and J. Tropp, Discrete Comput. Geom. 51 (2014) 926, theorem 3.1 and proposition 4.4.

    Examples
    --------
    >>> found = transition(1848, 45)
    >>> round(found.centre, 1), round(found.width, 1), round(found.probability(160), 3)
    (184.4, 12.5, 0.026)
    """
    _check(n_attributes, length, 0.0)
    V, f = n_attributes, length / n_attributes
    u, share = _least(f, 0.0)
    sides = ((f, u), (1 - f, -u))
    fourth = sum(weight * (_fourth(x) - _second(x) ** 2) for weight, x in sides)
    first = sum(weight * (_second(x) - _first(x) ** 2) for weight, x in sides)
    active = sum(weight * float(ndtr(x)) for weight, x in sides)
    return Transition(V * share - first / active, math.sqrt(V * (fourth - 2 * share)), u)


def attainable_margin(n_attributes: int, length: int, d: int) -> float:
    r"""Return the widest margin that `d` dimensions leave a random set, predicted.

    The :math:`\kappa` at which :func:`critical_dimension` is d, over :math:`\sqrt d`: the least
    distance of a score from the cut-off for a document vector and query vectors of length one.

    Parameters
    ----------
    n_attributes, length, d : int
        As in :func:`critical_dimension`; `d` at least 1.

    Returns
    -------
    float
        0 where `d` is not above the critical dimension.

    Examples
    --------
    >>> round(attainable_margin(1848, 45, 512), 4), attainable_margin(1848, 45, 128)
    (0.0381, 0.0)
    """
    _check(n_attributes, length, 0.0)
    whole("d", d, least=1)
    f = length / n_attributes

    def excess(margin: float) -> float:
        return n_attributes * _least(f, margin)[1] - d

    if excess(0.0) >= 0:
        return 0.0
    widest = 1.0
    while excess(widest) < 0 and widest < _WIDEST:
        widest *= 2
    return brentq(excess, 0.0, widest, xtol=1e-10) / math.sqrt(d)


def _check(n_attributes: int, length: int, margin: float) -> None:
    whole("n_attributes", n_attributes, least=2)
    whole("length", length, least=1, most=n_attributes - 1)
    if not 0 <= margin <= _WIDEST:
        raise UsageError(f"margin = {margin} must be from 0 to {_WIDEST:g}")


def _least(f: float, margin: float) -> tuple[float, float]:
    """Return the best threshold and the dimension per attribute there."""

    def share(u: float) -> float:
        return f * _second(margin + u) + (1 - f) * _second(margin - u)

    bounds = (_THRESHOLDS[0] - margin, _THRESHOLDS[1] + margin)  # convex in u: both terms are
    found = minimize_scalar(share, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    return float(found.x), float(found.fun)


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _first(x: float) -> float:
    """E (x + z)_+ for a standard normal z."""
    return x * float(ndtr(x)) + _density(x)


def _second(x: float) -> float:
    """E (x + z)_+^2."""
    return (1 + x * x) * float(ndtr(x)) + x * _density(x)


def _fourth(x: float) -> float:
    """E (x + z)_+^4."""
    return (x**4 + 6 * x * x + 3) * float(ndtr(x)) + (x**3 + 5 * x) * _density(x)
