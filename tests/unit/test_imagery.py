"""Composites, stretched imagery, and where units lie."""

import io

import numpy as np
import pytest
from PIL import Image

from outcrop.products.imagery import (
    THUMBNAIL,
    choose_composite,
    composite,
    decorrelation_stretch,
    thumbnails,
)
from outcrop.sensors import Band


def bands(seed=0, shape=(40, 50)):
    random = np.random.default_rng(seed)
    light = random.random(shape)
    return np.stack([light + 0.05 * random.random(shape) for _ in range(3)]).astype(np.float32)


def test_alike_bands_are_decorrelated():
    cube = bands()
    cube[1, 0, 0] = np.nan
    image = decorrelation_stretch(cube)
    assert image is not None
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    before = np.corrcoef(cube[:, 1:].reshape(3, -1))
    after = np.corrcoef(image[1:, :, :3].reshape(-1, 3).T)
    off = ~np.eye(3, dtype=bool)
    assert before[off].min() > 0.99
    assert np.abs(after[off]).max() < 0.1
    # Bands keep their hue: each still goes with itself most.
    cross = np.corrcoef(np.vstack([cube[:, 1:].reshape(3, -1), image[1:, :, :3].reshape(-1, 3).T]))
    assert (np.diag(cross[:3, 3:]) > 0.2).all()
    assert (image == decorrelation_stretch(cube)).all()


def test_what_has_no_three_bands_is_not_stretched():
    cube = bands()
    assert decorrelation_stretch(np.full_like(cube, np.nan)) is None
    assert decorrelation_stretch(np.stack([cube[0], cube[0], cube[1]])) is None
    assert decorrelation_stretch(np.stack([cube[0], cube[1], np.ones_like(cube[0])])) is None


def test_a_thumbnail_shows_the_smallest_spot():
    labels = np.ones((500, 900), np.uint8)
    labels[:, :100] = 0
    labels[321, 777] = 2
    found = thumbnails(labels, [1, 2])
    pictures = {n: np.asarray(Image.open(io.BytesIO(png)).convert("L")) for n, png in found.items()}
    assert max(pictures[2].shape) <= THUMBNAIL
    assert (pictures[2][:, 0] == 255).all()
    ground = np.bincount(pictures[2].ravel()).argmax()
    assert (pictures[2] < ground).sum() == 1
    assert (pictures[1][:, 30:] < 60).all()


def test_composite_stretches_each_band():
    cube = np.stack([np.linspace(a, b, 1000).reshape(20, 50) for a, b in [(0, 1), (5, 9), (3, 3)]])
    cube[1, 0, 0] = np.nan
    image = composite(cube.astype(np.float32))
    assert image.shape == (20, 50, 4)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [0, 0, 0, 0]
    assert (image[..., 3] == 255).sum() == 999
    assert (image[-1, -15:, :2] == 255).all()
    assert (image[0, 1:15, :2] == 0).all()
    assert (image[1:, :, 2] == 128).all()
    assert not composite(np.full((3, 4, 4), np.nan)).any()


TM = [0.485, 0.56, 0.66, 0.83, 1.65, 2.215]


@pytest.mark.parametrize(("wavelengths", "chosen"), [
    (TM, (5, 3, 0)),
    (TM[::-1], (0, 2, 5)),
    (TM[:4], (3, 2, 1)),
    (TM[1:4], (2, 1, 0)),
    (TM[:3], (2, 1, 0)),
    ([0.56, 0.66, 0.82, 1.65, 2.17, 2.21, 2.26, 2.33, 2.395], (5, 2, 0)),
    ([8.3, 8.65, 9.1, 10.6, 11.3], (4, 2, 0)),
    ([0.5], (0, 0, 0)),
    ([0.5, None], (0, 1, 1)),
    ([None] * 5, (0, 1, 2)),
])  # fmt: skip
def test_bands_of_the_composite(wavelengths, chosen):
    assert choose_composite([Band(str(i), w) for i, w in enumerate(wavelengths)]) == chosen


def test_common_names_stand_in_for_wavelengths():
    names = ["blue", "green", "red", "nir08", "swir16", "swir22"]
    assert choose_composite([Band(n, common_name=n) for n in names]) == (5, 3, 0)
