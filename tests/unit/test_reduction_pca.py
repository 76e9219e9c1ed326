"""Principal components, and whitening."""

import numpy as np
import pytest

from outcrop.errors import InputError
from outcrop.reduction.base import principal_axes, whitening
from outcrop.reduction.identity import Identity
from outcrop.reduction.pca import PCA

#: Rows whose covariance is diagonal, with variances 6, 3 and 1, but for the factor 6 / 5.
CROSS = np.array(
    [[a, b, c] for a, b, c in np.vstack([np.diag(s * np.sqrt([18, 9, 3])) for s in (1, -1)])],
    np.float32,
)


def rotated(seed=0):
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return CROSS @ rotation, rotation


@pytest.mark.parametrize(
    ("part", "n"), [(0.3, 1), (0.59, 1), (0.61, 2), (0.899, 2), (0.901, 3), (1.0, 3)]
)
def test_fewest_components_that_reach_the_part(part, n):
    rows, _ = rotated()
    assert PCA(part).fit(rows).n_components_ == n


def test_default_is_nine_tenths():
    assert PCA().n_components == 0.90
    pca = PCA().fit(CROSS[:, :2])
    assert pca.n_components_ == 2
    np.testing.assert_allclose(pca.explained_variance_ratio_, [2 / 3, 1 / 3])


def test_a_part_reached_exactly_counts_as_reached():
    rows = [[3, 0], [-3, 0], [0, 1], [0, -1]]
    assert PCA(n_components=0.90).fit(rows).n_components_ == 1


def test_variances_axes_and_signs():
    rows, rotation = rotated()
    pca = PCA(3).fit(rows + 5)
    np.testing.assert_allclose(pca.explained_variance_, np.array([6, 3, 1]) * 6 / 5, rtol=1e-5)
    np.testing.assert_allclose(pca.mean_, 5, rtol=1e-6)
    for axis, expected in zip(pca.components_, rotation, strict=True):
        assert axis[np.abs(axis).argmax()] > 0
        np.testing.assert_allclose(np.abs(axis @ expected), 1, rtol=1e-5)
    np.testing.assert_allclose(
        np.cov(pca.transform(rows + 5).T), np.diag([7.2, 3.6, 1.2]), atol=1e-4
    )
    np.testing.assert_array_equal(PCA(3).fit(-rows).components_, PCA(3).fit(rows).components_)


def test_axes_do_not_depend_on_the_blocks(monkeypatch):
    rows, _ = rotated()
    whole = principal_axes(rows)
    monkeypatch.setattr("outcrop.reduction.base._COVARIANCE_ROWS", 4)
    for part, expected in zip(principal_axes(rows), whole, strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-12)


def test_whitened_components_have_unit_variance():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) + 100
    codes = PCA(4, whiten=True).fit_transform(rows).astype(np.float64)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(4), atol=1e-4)


def test_whitening_leaves_a_dead_column_dead():
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=500), 1e-7 * rng.normal(size=500), np.ones(500)])
    mean, matrix = whitening(rows.astype(np.float32))
    white = (rows - mean) @ matrix
    assert white[:, 0].std() == pytest.approx(1, rel=1e-2)
    assert np.abs(white[:, 1:]).max() < 1e-3


def test_constant_rows_give_zeros():
    for whiten in (False, True):
        codes = PCA(whiten=whiten).fit_transform(np.full((10, 4), 0.3))
        np.testing.assert_array_equal(codes, np.zeros((10, 1)))


@pytest.mark.parametrize("n", [0, 4])
def test_number_of_components_out_of_range(n):
    with pytest.raises(InputError, match=f"n_components is {n}, but there are 3 columns"):
        PCA(n).fit(CROSS)


@pytest.mark.parametrize("n", [-1, -0.1])
def test_less_than_no_components(n):
    with pytest.raises(InputError, match=f"n_components = {n}; it must be a number, 0 or more"):
        PCA(n).fit(CROSS)


@pytest.mark.parametrize("part", [0.0, 1.5])
def test_part_of_the_variance_out_of_range(part):
    with pytest.raises(InputError, match=r"over 0 and at most 1"):
        PCA(part).fit(CROSS)


def test_identity_returns_a_copy():
    rows = CROSS.copy()
    codes = Identity().fit_transform(rows)
    np.testing.assert_array_equal(codes, rows)
    codes[:] = 0
    assert rows.any()
