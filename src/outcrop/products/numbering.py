"""Numbers for clusters: from dark to bright, or those of the units of another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import ModelError
from outcrop.products.colours import further_colours, unit_colours
from outcrop.products.legend import Legend, Unit
from outcrop.sensors.base import Band


def number_units(
    means: NDArray[np.float64],
    counts: NDArray[np.integer[Any]],
    bands: tuple[Band, ...],
    like: Legend | None = None,
) -> tuple[NDArray[np.intp], Legend]:
    """Give clusters their numbers, names and colours.

    Parameters
    ----------
    means : ndarray of float, shape (clusters, bands)
        Mean spectrum of each cluster over the pixels that the model was fitted on.
    counts : ndarray of int, shape (clusters,)
        How many pixels those are.
    bands : tuple of Band
    like : Legend, optional
        Of another run, whose numbers, names and colours the nearest units take over.

    Returns
    -------
    order : ndarray of int, shape (clusters,)
        The clusters in the order of their numbers.
    legend : Legend
    """
    order = np.asarray(order_units(means))
    colours = unit_colours(means[order])
    units = [
        _unit(i + 1, f"Unit {i + 1}", colours[i], means[k], counts[k], counts.sum())
        for i, k in enumerate(order)
    ]
    if like is not None:
        matched = match_units(means[order], [b.name for b in bands], like)
        known = {u.number: u for u in like.units}
        fresh = iter(further_colours([u.colour for u in like.units], len(units)))
        renumbered = []
        for unit, number in zip(units, matched, strict=True):
            old = known.get(number)
            taken = (
                {"name": old.name, "colour": old.colour, "geology": old.geology}
                if old
                else {"name": f"Unit {number}", "colour": next(fresh)}
            )
            renumbered.append(replace(unit, number=number, **taken))
        place = np.argsort([u.number for u in renumbered])
        order, units = order[place], [renumbered[i] for i in place]
    return order, Legend.of(units, bands)


def _unit(
    number: int, name: str, colour: str, mean: NDArray[np.float64], count: int, total: int
) -> Unit:
    return Unit(
        number=number,
        name=name,
        colour=colour,
        pixels=int(count),
        area=None,
        share=float(count / total),
        mean=tuple(float(v) for v in mean),
        sd=(),
    )


def order_units(means: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Put clusters in the order of their numbers: from dark to bright.

    Parameters
    ----------
    means : ndarray of float, shape (clusters, bands)
        Mean spectrum of each cluster over the pixels that the model was fitted on.

    Returns
    -------
    ndarray of int, shape (clusters,)
        ``order[i]`` is the cluster that becomes unit ``i + 1``. Brightness is the mean over
        the bands; equal ones are told apart by the bands in turn.
    """
    spectra = np.asarray(means, np.float64)
    order: NDArray[np.intp] = np.lexsort((*spectra.T[::-1], spectra.mean(axis=1)))
    return order


def match_units(
    means: NDArray[np.floating[Any]], band_names: Sequence[str], legend: Legend
) -> list[int]:
    """Give units the numbers of the units that they resemble in another legend.

    The distance of two spectra is the root mean square over the bands of their difference
    in units of the band's spread within units. Pairs are chosen so that the distances sum
    to the least (Hungarian algorithm). A pair farther apart than two neighbouring units of
    the legend typically are (the median distance to the nearest other unit, and at least
    one spread) is not the same unit: such units, and those left over, get new numbers above
    the largest of the legend, in the order they come.

    Parameters
    ----------
    means : ndarray of float, shape (units, bands)
        Mean spectra, in the quantity of the legend.
    band_names : sequence of str
        Names of the bands, in order.
    legend : Legend
        The legend to follow.

    Returns
    -------
    list of int
        A number for each unit, no two the same.

    Raises
    ------
    ModelError
        If the bands are not those of the legend, or the numbers go beyond 254.

    References
    ----------
    Kuhn (1955), Naval Research Logistics Quarterly 2; Munkres (1957), J. SIAM 5.
    """
    from scipy.optimize import linear_sum_assignment

    theirs = [band.name for band in legend.bands]
    if list(band_names) != theirs:
        raise ModelError(
            f"the legend has the bands {', '.join(theirs)} and the scene "
            f"{', '.join(band_names)}; spectra can be compared in the same bands only"
        )
    known = np.array([unit.mean for unit in legend.units], np.float64).reshape(-1, len(theirs))
    scale = _spread_within(legend, known)
    limit = max(1.0, _typical_gap(known / scale))
    apart = _distances(np.asarray(means, np.float64) / scale, known / scale)
    # Beyond the limit all pairs are equally bad: being far must not push a good pair aside.
    rows, columns = linear_sum_assignment(np.minimum(apart, limit * (1 + 1e-9)))
    numbers = {
        int(i): legend.units[j].number
        for i, j in zip(rows, columns, strict=True)
        if apart[i, j] <= limit
    }
    return _with_new(numbers, len(means), max((u.number for u in legend.units), default=0))


def _with_new(numbers: Mapping[int, int], count: int, largest: int) -> list[int]:
    """Give what is left the numbers above the largest."""
    result = []
    for i in range(count):
        if i not in numbers:
            largest += 1
        result.append(numbers.get(i, largest))
    if max(result, default=0) > 254:
        raise ModelError(
            f"{count} units beside those of the legend need numbers up to {max(result)}, and a map "
            "holds 254; ask for fewer units or leave out --like"
        )
    return result


def _spread_within(legend: Legend, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square of the units' deviations by band, never 0."""
    known = [unit.sd for unit in legend.units if unit.sd]
    if known:
        spread = np.sqrt(np.nanmean(np.square(np.array(known, np.float64)), axis=0))
    else:
        # A legend without deviations, as in a model: a fifth of the spread between units.
        spread = means.std(axis=0) / 5
    usable = np.isfinite(spread) & (spread > 0)
    return np.where(usable, spread, spread[usable].mean() if usable.any() else 1.0)


def _distances(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square difference of each pair, shape (some, others)."""
    gaps: NDArray[np.float64] = np.sqrt(((some[:, None] - others[None]) ** 2).mean(axis=-1))
    return np.nan_to_num(gaps, nan=np.inf, posinf=1e300)


def _typical_gap(spectra: NDArray[np.float64]) -> float:
    """Return the median distance to the nearest other spectrum; 0 for fewer than two."""
    if len(spectra) < 2:
        return 0.0
    apart = _distances(spectra, spectra)
    np.fill_diagonal(apart, np.inf)
    return float(np.median(apart.min(axis=1)))
