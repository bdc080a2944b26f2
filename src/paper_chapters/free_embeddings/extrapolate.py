"""The polynomial fit of critical n against the dimension, and how little it determines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paper_utils.checks import whole
from paper_utils.errors import UsageError


@dataclass(frozen=True)
class PolynomialFit:
    """Ordinary least squares of a polynomial, with what its residuals say."""

    coefficients: NDArray[np.float64]  # constant first
    # for independent residuals of equal variance: see `durbin_watson`
    standard_errors: NDArray[np.float64]
    r_squared: float
    residuals: NDArray[np.float64] = field(repr=False)  # observed minus fitted
    aic: float  # Gaussian likelihood, the variance counted as a parameter; so is the next
    bic: float
    durbin_watson: float  # about 2 for independent residuals, near 0 when neighbours agree
    _at: tuple = field(repr=False)

    @property
    def degree(self) -> int:
        """Degree of the polynomial."""
        return len(self.coefficients) - 1

    def __call__(self, d: ArrayLike) -> NDArray[np.float64]:
        """Evaluate the polynomial."""
        return np.polynomial.polynomial.polyval(np.asarray(d, dtype=float), self.coefficients)

    def standard_error_at(self, d: float) -> float:
        """Return the standard error of the fitted mean at `d` (of independent residuals)."""
        covariance, centre, scale = self._at
        row = ((d - centre) / scale) ** np.arange(self.degree + 1)
        return float(np.sqrt(row @ covariance @ row))


def fit_polynomial(d: ArrayLike, n: ArrayLike, degree: int = 3) -> PolynomialFit:
    """Fit ``n`` by a polynomial in ``d`` of a degree up to the number of different d less 3."""
    x, y = np.asarray(d, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise UsageError(f"d and n must be vectors of one length, not {x.shape} and {y.shape}")
    different = len(np.unique(x))
    if different < 3:
        raise UsageError(f"d holds {different} different dimensions; at least 3 are needed")
    whole("degree", degree, least=0, most=different - 3)
    # Centred and scaled powers keep the normal equations well conditioned up to degree 10.
    centre, scale = x.mean(), np.abs(x - x.mean()).max()
    design = ((x - centre) / scale)[:, None] ** np.arange(degree + 1)
    Q, R = np.linalg.qr(design)
    scaled = np.linalg.solve(R, Q.T @ y)
    residuals = y - design @ scaled
    count, parameters = len(x), degree + 2
    rss = float(residuals @ residuals)
    inverse = np.linalg.inv(R)
    covariance = inverse @ inverse.T * rss / (count - degree - 1)
    back = np.zeros((degree + 1, degree + 1))  # back to powers of d itself
    power = np.array([1.0])
    for j in range(degree + 1):
        back[: j + 1, j] = power
        power = np.convolve(power, [-centre / scale, 1.0 / scale])
    likelihood = count * np.log(max(rss, np.finfo(float).tiny) / count)
    return PolynomialFit(
        coefficients=back @ scaled,
        standard_errors=np.sqrt(np.diag(back @ covariance @ back.T)),
        r_squared=1.0 - rss / float(((y - y.mean()) ** 2).sum()),
        residuals=residuals,
        aic=float(likelihood + 2 * parameters),
        bic=float(likelihood + parameters * np.log(count)),
        durbin_watson=float((np.diff(residuals) ** 2).sum() / rss) if rss > 0 else 2.0,
        _at=(covariance, centre, scale),
    )


def power_law_exponent(d: ArrayLike, n: ArrayLike) -> float:
    """Return the slope of log n against log d."""
    x, y = np.asarray(d, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if x.shape != y.shape or x.size < 2 or (x <= 0).any() or (y <= 0).any():
        raise UsageError("d and n must be positive vectors of one length, at least 2")
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
