"""The search for the robust mixture: from poor ends of the climb to better ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from outcrop.clustering.base import Rows
from outcrop.clustering.kmeans import lloyd
from outcrop.clustering.selection import Pairs, Part, Subsample, shared_information
from outcrop.clustering.t_mixture import Climb, Climbed, TMixture, Units, climb
from outcrop.engine import side_by_side

#: Exchanges of which the best is taken, and how many such lots in vain end a search.
TRIED, IN_VAIN = 8, 3
#: Units that are halved, each by itself, to start a mixture of one unit more.
HALVED = 3


class End(NamedTuple):
    """Where a climb or a search ended, and what the mixture there is worth, in nats a row."""

    worth: float
    climbed: Climbed

    @property
    def mixture(self) -> TMixture:
        """The mixture there."""
        return self.climbed.mixture


@dataclass(frozen=True)
class Search:
    """What is looked for, and for how long; see `StudentMixture` for the numbers."""

    how: Climb
    n_init: int
    tries: int
    continuity: float

    def found(self, sample: Subsample, n_units: int, seed: int) -> TMixture:
        """Return the mixture of the subsample that is worth most of those searches end at."""
        seeds = np.random.default_rng(seed).integers(2**31 - 1, size=self.n_init)

        def ended(start: int) -> End:
            labels = lloyd(sample.rows, n_units, int(seeds[start]), n_init=1).labels_
            return self._searched(sample, self._best(sample, [labels], n_units))

        return _worth_most(side_by_side(ended, range(self.n_init))).mixture

    def grown(self, part: Part, n_units: int, seed: int, fewer: Climbed | None) -> Climbed:
        """Return the mixture worth most of those from k-means and from one of a unit fewer."""
        starts = [lloyd(part.rows, n_units, seed, n_init=1).labels_]
        if fewer is not None:
            starts += fewer.mixture.halvings(part.rows, HALVED)
        return self._best(part, starts, n_units).climbed

    def filled(self, rows: Rows, labels: NDArray[Any], n_units: int) -> NDArray[Any]:
        """Return units of rows, the widest halved until none of those asked for is empty."""
        found, labels = np.unique(labels, return_inverse=True)
        for fewer in range(len(found), n_units):
            labels = climb(rows, labels, fewer, self.how).mixture.halvings(rows, 1)[0]
        return labels

    def _searched(self, sample: Subsample, best: End) -> End:
        """Return the end where no exchange of units is worth more."""
        rows, n_units, tried = sample.rows, len(best.mixture.means), 0
        moves, in_vain = best.mixture.exchanges(rows), 0
        while tried < self.tries and in_vain < IN_VAIN:
            batch = list(islice(moves, TRIED))
            if not batch:
                break
            tried += len(batch)
            found = self._best(sample, batch, n_units)
            if found.worth > best.worth + self.how.tol:
                best, moves, in_vain = found, found.mixture.exchanges(rows), 0
            else:
                in_vain += 1
        return best

    def _best(self, part: Subsample | Part, starts: Iterable[NDArray[Any]], n_units: int) -> End:
        """Return the end worth most of those that starts, units of the rows, climb to."""
        climbed = (climb(part.rows, start, n_units, self.how) for start in starts)
        return _worth_most(End(self._worth(one.mixture, part), one) for one in climbed)

    def _worth(self, mixture: TMixture, part: Subsample | Part) -> float:
        """Return likelihood and what continuity adds, in nats a row; least with an empty unit."""
        units, densities = mixture.seen(part.rows)
        if len(np.unique(units)) < len(mixture.means):
            return -np.inf
        worth = float(densities.mean())
        if part.pairs is not None:
            worth += self.continuity * told(mixture, part.pairs, units)
        return worth


def told(mixture: TMixture, pairs: Pairs, units: Units) -> float:
    """Return what the units of a sample's rows tell of the ground some way off, in nats."""
    return shared_information(units[pairs.own], mixture.units(pairs.others))


def _worth_most(ends: Iterable[End]) -> End:
    return max(ends, key=lambda end: end.worth)
