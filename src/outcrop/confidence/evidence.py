"""What speaks for each unit of a block's pixels, and how clearly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from outcrop.confidence.kernels import lead
from outcrop.scratch import scratch


@dataclass(frozen=True)
class Evidence:
    """Evidence of a block's pixels; without meaning where there is no data.

    Parameters
    ----------
    log : ndarray of float32, shape (k, y, x)
        Log evidence of each unit, but for what all units of a pixel share.
    ahead : ndarray of float32, shape (y, x)
        The most evidence less the second most.
    unlike : ndarray of bool, shape (y, x)
        Outside every unit's ellipsoid.
    """

    log: NDArray[np.float32]
    ahead: NDArray[np.float32]
    unlike: NDArray[np.bool_]

    @classmethod
    def room(cls, units: int, shape: tuple[int, ...]) -> Self:
        """Return room for the evidence of a block of a shape (y, x).

        Evidence and lead belong to the thread, whose next block overwrites them.
        """
        return cls(
            scratch((units, *shape), "evidence"),
            scratch(shape, "ahead"),
            np.zeros(shape, np.bool_),
        )

    def rows(self, rows: slice) -> Evidence:
        """Return views of some rows."""
        return Evidence(self.log[:, rows], self.ahead[rows], self.unlike[rows])

    def compare(self, limits: NDArray[np.float32]) -> None:
        """Fill in ``ahead`` and ``unlike``, once ``log`` is; ``limits`` (k,) as `kernels.lead`."""
        lead(self.log, limits, self.ahead, self.unlike)
