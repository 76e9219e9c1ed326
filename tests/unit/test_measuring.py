"""Sums by unit and counts of odd values against plain NumPy."""

import numpy as np
import pytest

from outcrop.measuring import Gauge
from outcrop.unitstats import UnitSums


def block(bands):
    rng = np.random.default_rng(bands)
    data = rng.normal(0.5, 0.5, (bands, 60, 97)).astype(np.float32)
    data[:, 3:5] = 0.0
    data[0, 10, :5] = -0.0
    labels = rng.integers(0, 4, (60, 97)).astype(np.uint8)
    labels[:, 10:30] = 2
    data[:, labels == 0] = np.nan
    # As cut out of a block with its margin.
    return data[:, 5:50, 7:90], labels[5:50, 7:90]


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_sums(bands):
    data, labels = block(bands)
    areas = np.linspace(1, 2, len(labels))
    sums = UnitSums.of_tile(data, labels, areas)
    assert sums.table.shape == (256, 2 + 2 * bands)
    for unit in range(4):
        inside = labels == unit
        assert sums.pixels[unit] == inside.sum()
        assert sums.areas[unit] == pytest.approx((inside * areas[:, None]).sum())
        if unit:
            mean, sd = sums.mean_and_sd(unit)
            values = data[:, inside].astype(np.float64)
            np.testing.assert_allclose(mean, values.mean(axis=1))
            np.testing.assert_allclose(sd, values.std(axis=1))


def test_counts():
    data, labels = block(3)
    floors = np.array([-np.inf, 0.1, 0.2], np.float32)
    counts = Gauge((), 1, floors).counts(data, labels)
    values = data[:, labels > 0]
    expected = [(values > 1).sum(1), (values <= 0).sum(1), (values < floors[:, None]).sum(1)]
    np.testing.assert_array_equal(counts, expected)
