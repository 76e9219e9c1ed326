"""What must hold for any scene: NaN in, 0 out; the same map for any block and thread; seeds."""

import dataclasses
import hashlib

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from outcrop.clustering import CLUSTERERS
from outcrop.config import Preprocess, Recipe, Step, load_recipe, with_step
from outcrop.pipeline import map_scenes
from outcrop.reduction import REDUCERS
from outcrop.sensors import Band
from outcrop.source import ArraySource
from rasters import blobs

FAST = Recipe(
    reducer=Step("pca", {"n_components": 2, "whiten": True}),
    clusterer=Step("kmeans", {"n_units": 4}),
    refine=(Step("majority", {"size": 5}),),
)


def scene(shape, bands=4, seed=0, holes=0.0):
    data, _ = blobs(shape, bands, units=4, seed=seed, spread=0.15)
    rng = np.random.default_rng(seed)
    data[rng.integers(0, bands), rng.random(shape) < holes] = np.nan
    names = tuple(Band(f"b{i}") for i in range(bands))
    return ArraySource(
        "s", GeoBox(shape, Affine(30, 0, 6e5, 0, -30, 6.6e6), "EPSG:32754"), names, data
    )


def run(source, recipe, folder):
    return map_scenes(source, recipe, folder, overwrite=True)


def digest(result):
    rasters = [(result.folder / f"{n}.tif").read_bytes() for n in ("units", "confidence")]
    return hashlib.sha256(b"".join(rasters)).hexdigest()


def with_run(recipe, **changes):
    return dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, **changes))


@settings(max_examples=8)
@given(
    rows=st.integers(5, 40),
    cols=st.integers(5, 40),
    holes=st.floats(0, 0.5),
    seed=st.integers(0, 99),
)
def test_no_data_in_is_zero_out_and_nothing_else_is(tmp_path_factory, rows, cols, holes, seed):
    source = scene((rows, cols), seed=seed, holes=holes)
    valid = np.isfinite(source.data).all(axis=0)
    if len(np.unique(source.data[:, valid], axis=1).T) < 5:
        return
    result = run(source, FAST, tmp_path_factory.mktemp("p") / "out")
    np.testing.assert_array_equal(np.asarray(result.units) != 0, valid)


# Every entry of both tables, though not every pair: the steps don't know of each other.
PAIRS = [(r, "kmeans") for r in REDUCERS] + [("pca", c) for c in CLUSTERERS if c != "kmeans"]


@pytest.mark.parametrize(("reducer", "clusterer"), PAIRS)
def test_the_map_does_not_depend_on_blocks_threads_or_storage(tmp_path, reducer, clusterer):
    source = scene((1100, 1300), seed=3, holes=0.05)
    recipe = dataclasses.replace(
        FAST, reducer=with_step(FAST.reducer, reducer),
        clusterer=Step(clusterer, {"n_units": 5}),
    )  # fmt: skip
    recipe = with_run(recipe, sample=3000)
    first = run(source, with_run(recipe, block=512, threads=1), tmp_path / "a")
    second = run(source, with_run(recipe, block=1024, threads=3), tmp_path / "b")
    striped = dataclasses.replace(source, striped=True)
    third = run(striped, with_run(recipe, block=512, threads=2), tmp_path / "c")
    assert digest(first) == digest(second) == digest(third)
    assert first.legend == second.legend == third.legend


@pytest.mark.parametrize("clusterer", list(CLUSTERERS))
def test_nor_does_it_with_smoothing_and_evidence(tmp_path, clusterer):
    source = scene((600, 1050), seed=4, holes=0.05)
    recipe = dataclasses.replace(
        FAST,
        preprocess=Preprocess("log"),
        smooth=Step("bilateral", {"radius": 2}),
        reducer=Step("mnf"),
        clusterer=Step(clusterer, {"n_units": 5, "n_init": 1, "max_iter": 10}),
        refine=(Step("potts", {"updates": 3}), Step("majority", {"size": 3}), Step("potts")),
    )
    recipe = with_run(recipe, sample=3000)
    first = run(source, with_run(recipe, block=512, threads=1), tmp_path / "a")
    second = run(source, with_run(recipe, block=1024, threads=3), tmp_path / "b")
    striped = dataclasses.replace(source, striped=True)
    third = run(striped, with_run(recipe, block=512, threads=2), tmp_path / "c")
    assert digest(first) == digest(second) == digest(third)
    np.testing.assert_array_equal(
        np.asarray(first.units) != 0, np.isfinite(source.data).all(axis=0)
    )


@pytest.mark.parametrize("name", ["default", "nagar2024", "stacked"])
def test_same_seed_same_map_other_seed_other_model(tmp_path, name):
    source = scene((120, 150), seed=1)
    recipe = load_recipe(name)
    recipe = dataclasses.replace(recipe, clusterer=with_step(recipe.clusterer, n_units=5))
    one = run(source, recipe, tmp_path / "a")
    again = run(source, recipe, tmp_path / "b")
    other = run(source, with_run(recipe, seed=1), tmp_path / "c")
    assert digest(one) == digest(again)
    weights = [(r.folder / "model" / "model.safetensors").read_bytes() for r in (one, again, other)]
    assert weights[0] == weights[1] != weights[2]
