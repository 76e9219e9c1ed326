"""Functions of rows (n, bands) that need no fitting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Reflectance under which a logarithm would amplify noise only.
FLOOR = 1e-3


def identity(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the bands as they are."""
    return rows


def logarithm(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural logarithm, of values floored at `FLOOR`.

    Illumination multiplies reflectance, so in the logarithm a slope shifts all bands of a
    pixel alike and leaves their differences to the rock.
    """
    return np.log(np.maximum(rows, np.float32(FLOOR)))
