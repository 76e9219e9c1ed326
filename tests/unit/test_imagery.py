"""Stretched imagery, and where units lie."""

import io

import numpy as np
from PIL import Image

from outcrop.products.imagery import THUMBNAIL, decorrelation_stretch, thumbnails


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
