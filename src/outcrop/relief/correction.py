"""Corrections of the light on slopes: a coefficient for each band, and what pixels are times by.

Sources: Teillet, Guindon & Goodenough (1982), "On the slope-aspect correction of multispectral
scanner data", Can. J. Remote Sensing 8 (C); Smith, Lin & Ranson (1980), "The Lambertian
assumption and Landsat data", Photogramm. Eng. Remote Sens. 46 (Minnaert, with the slope);
Soenen, Peddle & Coburn (2005), "SCS+C: a modified sun-canopy-sensor topographic correction in
forested terrain", IEEE Trans. Geosci. Remote Sens. 43.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Plane = NDArray[np.float32]

#: Correlation of a band with the light under which it is left as it is. With the light weaker
#: than that, a coefficient is drawn from what else differs between slopes.
LEAST = 0.1
#: What a pixel is multiplied with at most: where next to no direct light falls, next to nothing
#: of the ground is in the signal.
MOST_GAIN = 4.0


class Fit(NamedTuple):
    """A band's coefficient, and its correlation with the light that it rests on."""

    coefficient: float | None
    correlation: float


class Correction(Protocol):
    """See `outcrop.relief`."""

    def fit(self, values: Rows, incidence: Rows, upright: Rows) -> Fit:
        """Return the coefficient of a band, None where it is not to be corrected.

        Parameters
        ----------
        values : ndarray, shape (n,)
            The band at lit pixels.
        incidence, upright : ndarray, shape (n,)
            Cosines of the sun's incidence and of the slope, more than 0.
        """
        ...

    def gain(self, coefficient: float, incidence: Plane, upright: Plane, flat: float) -> Plane:
        """Return what pixels are multiplied with; ``flat`` is the incidence on flat ground."""
        ...


class C:
    """C: what a band has without direct light, as a share of what the sun adds to it.

    ``L = a + b cos i`` is fitted, ``c = a / b``, and L times
    ``(cos z + c) / (cos i + c)`` is what flat ground would give (Teillet et al. 1982). A
    negative c, which would let shaded slopes blow up, is taken as 0: the cosine correction.
    """

    def fit(self, values: Rows, incidence: Rows, upright: Rows) -> Fit:  # noqa: ARG002
        """See `Correction`."""
        slope, at_zero, correlation = _line(incidence, values)
        if correlation < LEAST:
            return Fit(None, correlation)
        return Fit(max(at_zero / slope, 0.0), correlation)

    def gain(self, coefficient: float, incidence: Plane, upright: Plane, flat: float) -> Plane:
        """See `Correction`."""
        return _ratio(self._flat(upright, flat), incidence, coefficient)

    def _flat(self, upright: Plane, flat: float) -> Plane:
        return np.full_like(upright, flat)


class ScsC(C):
    """C for trees, which stand upright on slopes (Soenen et al. 2005); not for bare rock."""

    def _flat(self, upright: Plane, flat: float) -> Plane:
        return upright * np.float32(flat)


class Minnaert:
    """Minnaert's constant k, with the slope (Smith et al. 1980).

    ``log(L cos e) = log(L_n) + k log(cos i cos e)`` is fitted on slopes, k held between 0 and 1,
    and L times ``cos e (cos z / (cos i cos e))^k`` is what flat ground would give.
    """

    def fit(self, values: Rows, incidence: Rows, upright: Rows) -> Fit:
        """See `Correction`."""
        use = (values > 0) & (upright < _SLOPING)
        if use.sum() < 2:
            return Fit(None, 0.0)
        both = np.log(incidence[use] * upright[use])
        slope, _, correlation = _line(both, np.log(values[use] * upright[use]))
        if correlation < LEAST:
            return Fit(None, correlation)
        return Fit(min(slope, 1.0), correlation)

    def gain(self, coefficient: float, incidence: Plane, upright: Plane, flat: float) -> Plane:
        """See `Correction`."""
        from outcrop.relief.kernels import powers

        both = np.maximum(incidence, np.float32(1e-3)) * upright
        return _held(upright * powers(np.float32(flat) / both, coefficient))


#: Cosine of the slope, about 3 degrees (5%), under which Minnaert's k learns nothing.
_SLOPING = float(np.cos(np.arctan(0.05)))


def _line(x: Rows, y: Rows) -> tuple[float, float, float]:
    """Slope, value at 0 and correlation of the line of least squares."""
    dx, dy = x - x.mean(), y - y.mean()
    xx, yy, xy = (float((a * b).sum()) for a, b in ((dx, dx), (dy, dy), (dx, dy)))
    # Light or band without any spread to speak of: rounding alone has made it.
    if xx <= 1e-12 * len(x) or yy <= 1e-24 * len(y):
        return 0.0, float(y.mean()), 0.0
    slope = xy / xx
    return slope, float(y.mean() - slope * x.mean()), xy / (xx * yy) ** 0.5


def _ratio(flat: Plane, incidence: Plane, c: float) -> Plane:
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (flat + np.float32(c)) / (np.maximum(incidence, np.float32(0)) + np.float32(c))
    return _held(part)


def _held(gain: NDArray[Any]) -> Plane:
    return np.asarray(np.minimum(gain, np.float32(MOST_GAIN)), np.float32)
