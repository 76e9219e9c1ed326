"""The minimum mapping unit on the road: the published map, and its numbers, are the sieved ones."""

import dataclasses

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.__main__ import main
from outcrop.config import Recipe, Step, parse_recipe
from outcrop.errors import RecipeError
from outcrop.pipeline import map_scenes
from outcrop.refinement.sieve import sieve
from outcrop.sensors import Band
from outcrop.source import ArraySource
from rasters import blobs, write

NOISY = Recipe(
    reducer=Step("pca", {"n_components": 2}),
    clusterer=Step("kmeans", {"n_units": 4}),
)


def scene(shape, crs="EPSG:32754"):
    data, _ = blobs(shape, 4, units=4, spread=0.15)
    data[:, :20, :20] = np.nan
    grid = GeoBox(shape, Affine(30, 0, 6e5, 0, -30, 6.6e6), crs)
    return ArraySource("s", grid, tuple(Band(f"b{i}") for i in range(4)), data)


def mapped(source, folder, min_area, **run):
    recipe = dataclasses.replace(
        NOISY,
        products=dataclasses.replace(NOISY.products, min_area=min_area),
        run=dataclasses.replace(NOISY.run, sample=3000, **run),
    )
    result = map_scenes(source, recipe, folder)
    with rasterio.open(folder / "units.tif") as dataset:
        return result, dataset.read(1)


def test_map_and_legend_are_the_sieved_ones_for_any_block(tmp_path):
    source = scene((600, 700))
    _, raw = mapped(source, tmp_path / "raw", 0.0)
    expected = np.zeros_like(raw)

    def keep(row, part):
        expected[row : row + len(part)] = part

    sieve(lambda row, height: raw[row : row + height], keep, raw.shape, np.ones(600), 12)
    assert (expected != raw).mean() > 0.01
    a, first = mapped(source, tmp_path / "a", 12 * 900.0, block=512, threads=1)
    b, _ = mapped(source, tmp_path / "b", 12 * 900.0, block=1024, threads=2)
    np.testing.assert_array_equal(first, expected)
    assert (tmp_path / "a" / "units.tif").read_bytes() == (
        tmp_path / "b" / "units.tif"
    ).read_bytes()
    assert a.legend == b.legend
    for unit in a.legend.units:
        assert unit.pixels == (expected == unit.number).sum()
        assert unit.area == unit.pixels * 900
        mean = source.data[:, expected == unit.number].mean(axis=1, dtype=float)
        np.testing.assert_allclose(unit.mean, mean, rtol=1e-6)
    assert not list((tmp_path / "a").glob("*unsieved*"))


def test_without_crs_it_counts_pixels(tmp_path):
    data, _ = blobs((60, 80), 6, units=3, spread=0.15)
    path = write(tmp_path / "s.tif", data, crs=None, transform=None)
    argv = ["map", path, "-o", str(tmp_path / "o"), "--units", "3", "--sensor", "landsat8", "-q"]
    assert main([*argv, "--min-area", "4800"]) == 0
    with rasterio.open(tmp_path / "o" / "units.tif") as dataset:
        assert len(np.unique(dataset.read(1))) == 1, "one area is all that is left"
    page = (tmp_path / "o" / "report.html").read_text("utf-8")
    assert "areas under 4800 pixels joined to a neighbour" in page


@pytest.mark.parametrize("value", [-1.0, float("inf"), float("nan")])
def test_bad_values_are_refused(value):
    recipe = {"schema": 1, "reducer": {"name": "pca"}, "clusterer": {"name": "kmeans"}}
    with pytest.raises(RecipeError, match="min_area"):
        parse_recipe({**recipe, "products": {"min_area": value}})
