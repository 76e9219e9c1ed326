"""The reducer that leaves the columns as they are."""

from __future__ import annotations

from typing import ClassVar

from outcrop.reduction.base import Reducer
from outcrop.reduction.dense import Floats


class Identity(Reducer):
    """Hand the columns on unchanged, to cluster the features themselves."""

    _facts: ClassVar[tuple[str, ...]] = ("n_features_in_", "n_components_")

    def _fit(self, rows: Floats) -> None:
        self.n_components_ = rows.shape[1]

    def _code(self, batch: Floats) -> Floats:
        return batch
