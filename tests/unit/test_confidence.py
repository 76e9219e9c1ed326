"""Confidence: odds and neighbours, what is unlike any unit, and what is told of them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.stats import multivariate_t

from outcrop import confidence, pipeline
from outcrop.applying import apply_model
from outcrop.clustering import CLUSTERERS
from outcrop.confidence import NO_DATA, UNLIKE, Confidence, Evidence, calibration, facts_of, kernels
from outcrop.config import Recipe, Step, load_recipe, with_step
from outcrop.fitting import fit_model
from outcrop.labelling import Rate, label
from outcrop.model import Model
from outcrop.products.confidence import PolygonMeans
from outcrop.products.polygons import components
from outcrop.sensors import Band
from outcrop.simulate import simulate_scene
from outcrop.source import ArraySource, valid_mask
from rasters import blobs

NUMBERS = (1, 4, 7)


def asked(labels, evidence, what, unlike=None, core=None):
    """Return what the kernel looks up in its table: the odds' bin, or the alike neighbours."""
    shape = (len(evidence), kernels.AROUND + 1, kernels.BINS)
    table = np.ascontiguousarray(np.broadcast_to(what, shape), np.uint8)
    rate = Confidence(table, 1.0, "", True, 0.0)
    leading, compared = leaders(evidence)
    if unlike is not None:
        compared = dataclasses.replace(compared, unlike=unlike)
    core = core or tuple(slice(0, n) for n in labels.shape)
    return rate(labels, leading, compared, NUMBERS, core)


def leaders(evidence, limits=None):
    """Return the labels of the most evidence, and the evidence with its lead."""
    shape = evidence.shape[1:]
    compared = Evidence(evidence, np.empty(shape, np.float32), np.empty(shape, bool))
    compared.compare(np.full(len(evidence), -np.inf, np.float32) if limits is None else limits)
    return np.asarray(NUMBERS, np.uint8)[evidence.argmax(axis=0)], compared


def some_labels(seed, shape=(23, 31)):
    rng = np.random.default_rng(seed)
    labels = np.asarray((0, *NUMBERS), np.uint8)[rng.integers(0, 4, shape)]
    return labels, rng.normal(0, 4, (3, *shape)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_odds_are_those_against_the_strongest_rival(seed):
    labels, evidence = some_labels(seed)
    found = asked(labels, evidence, np.arange(kernels.BINS))
    framed = np.pad(labels, 1)
    for y, x in np.ndindex(labels.shape):
        if not labels[y, x]:
            assert found[y, x] == NO_DATA
            continue
        around = framed[y : y + 3, x : x + 3].copy()
        around[1, 1] = 0
        weights = np.array([[0.5, 1, 0.5], [1, 0, 1], [0.5, 1, 0.5]]) ** 0.5
        worth = [evidence[k, y, x] + weights[around == n].sum() for k, n in enumerate(NUMBERS)]
        own = NUMBERS.index(labels[y, x])
        ahead = worth.pop(own) - max(worth)
        step = np.clip((ahead - kernels.LEAST) * kernels.STEPS, 0, kernels.BINS - 1)
        assert abs(found[y, x] - np.floor(step)) <= (abs(step - round(step)) < 1e-3)


def test_the_first_is_ahead_of_the_second():
    _, evidence = some_labels(4)
    first, second = np.sort(evidence, axis=0)[:-3:-1]
    np.testing.assert_array_equal(leaders(evidence)[1].ahead, first - second)
    assert (leaders(evidence[:1])[1].ahead == np.inf).all()


def test_alike_neighbours_are_counted_of_those_with_data():
    labels, evidence = some_labels(5)
    found = asked(labels, evidence, np.arange(kernels.AROUND + 1)[:, None])
    framed = np.pad(labels, 2)
    for y, x in np.argwhere(labels):
        around = framed[y : y + 5, x : x + 5]
        alike, known = (around == labels[y, x]).sum() - 1, (around > 0).sum() - 1
        assert found[y, x] == (24 * alike + known // 2) // max(known, 1)


def test_a_part_is_what_it_is_in_the_whole():
    labels, evidence = some_labels(6)
    whole = asked(labels, evidence, np.arange(kernels.BINS))
    outer, core = np.s_[4:20, 3:25], (slice(2, 14), slice(2, 20))
    part = asked(
        labels[outer], np.ascontiguousarray(evidence[:, *outer]), np.arange(kernels.BINS),
        core=core,
    )  # fmt: skip
    np.testing.assert_array_equal(part, whole[6:18, 5:23])


def test_evidence_that_is_no_number_does_no_harm():
    labels, evidence = some_labels(7)
    evidence[:, labels == 0] = np.nan
    evidence[0] = -np.inf
    assert asked(labels, evidence, np.arange(kernels.BINS)).shape == labels.shape


def test_what_is_unlike_any_unit_is_coded():
    labels, evidence = some_labels(8)
    unlike = np.random.default_rng(0).random(labels.shape) < 0.3
    found = asked(labels, evidence, 50, unlike)
    expected = np.where(labels == 0, NO_DATA, np.where(unlike, UNLIKE, 50))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", list(CLUSTERERS))
def test_an_ellipsoid_holds_what_it_says(name):
    rng = np.random.default_rng(1)
    shape = np.array([[1, 0.6, 0], [0.6, 1, 0.2], [0, 0.2, 1]])
    shape = np.eye(3) if name == "kmeans" else shape
    if name == "student":
        draw = multivariate_t(np.zeros(3), shape, df=30, seed=rng).rvs
        rows = draw(60_000)
    else:
        rows = rng.multivariate_normal(np.zeros(3), shape, 60_000)
    rows = np.concatenate([rows, rows + np.array([40, 0, 0])]).astype(np.float32)
    more = {"pooling": 0.0} if name == "student" else {}
    fitted = CLUSTERERS.load(name)(n_units=2, random_state=0, **more).fit(rows)
    assert fitted.outside(rows).mean() == pytest.approx(0.001, abs=0.0004)
    assert fitted.outside(np.array([[20, 0, 0], [0, 9, 0]], np.float32)).all()
    assert not fitted.outside(np.array([[40, 0, 0]], np.float32)).any()


def test_whole_rasters_are_outside_as_rows_are():
    rows = np.random.default_rng(2).normal(size=(4000, 4)).astype(np.float32)
    rows[2000:] += 5
    fitted = CLUSTERERS.load("student")(n_units=3, random_state=0).fit(rows)
    rows[::7] *= 4
    evidence = np.empty((fitted.n_units_, 40, 100), np.float32)
    fitted.planes(np.ascontiguousarray(rows.T).reshape(4, 40, 100), evidence)
    found = leaders(evidence, fitted.limits())[1].unlike
    expected = fitted.outside(rows).reshape(40, 100)
    assert 0.02 < expected.mean() < 0.5
    assert (found != expected).mean() < 0.001  # float32 against float64, at the edge


def test_more_odds_more_company_and_clearer_units_are_surer():
    for known in calibration.calibrations():
        table = known.table(np.array([0.5, 2.0, 4.0])).astype(int)
        assert table.min() >= 1
        assert table.max() <= 100
        assert table[:, 24, -1].min() > table[:, 4, 4 * 4].max() - 40
        assert table[1, 24, kernels.BINS - 1] > table[1, 12, 16]


def test_the_default_is_calibrated_and_what_is_changed_is_not():
    default = load_recipe("default")
    found, known = calibration.choose(default)
    assert (found.name, known) == ("default", True)
    changes = (
        {"reducer": Step("pca")}, {"smooth": Step("none")}, {"refine": (Step("majority"),)},
        {"clusterer": with_step(default.clusterer, "mixture")},
    )  # fmt: skip
    for change in changes:
        assert not calibration.choose(dataclasses.replace(default, **change))[1]
    # How many units are asked for is no other recipe.
    given = with_step(default.clusterer, n_units=7)
    assert calibration.choose(dataclasses.replace(default, clusterer=given))[1]


def test_facts_are_counted_from_pixels():
    counts = np.zeros((256, 256), np.int64)
    counts[0, 255], counts[3, 0], counts[3, 85], counts[9, 100] = 50, 10, 30, 60
    facts = facts_of(counts)
    assert facts["mean"] == pytest.approx((30 * 85 + 60 * 100) / 100)
    assert facts["deciles"] == [0, 0, 0, 0, 0, 0, 0, 0, 0.3, 0.6]
    assert facts["unlike"] == {"pixels": 10, "share": 0.1}
    assert facts["units"] == {"3": pytest.approx(30 * 85 / 40), "9": 100.0}


def test_polygons_get_the_mean_of_their_pixels():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, (40, 30)).astype(np.uint8)
    sure = rng.integers(0, 101, labels.shape).astype(np.uint8)
    sure[labels == 0] = NO_DATA
    means = PolygonMeans(lambda row, n: sure[row : row + n])
    table = components(
        lambda row, n: labels[row : row + n], labels.shape, np.ones(40), rows=7, also=means
    )
    found = means.means(table)
    one = components(lambda row, n: labels[row : row + n], labels.shape, np.ones(40), rows=40)
    assert len(found) == len(one.labels)
    total = (found[1:] * one.pixels[1:]).sum()
    assert total == pytest.approx(sure[labels > 0].astype(int).sum())
    assert len(np.unique(np.round(found[1:], 6))) > 20


# A few scenes, mapped once.
RECIPE = Recipe(
    reducer=Step("none"),
    clusterer=Step("student", {"n_units": 4}),
    refine=(Step("potts", {"updates": 4}),),
)


def scene(seed=1, shape=(70, 90)):
    data, _ = blobs(shape, 4, units=4, seed=seed, spread=0.6)
    data[0, 5:9, 5:30] = np.nan
    grid = GeoBox(shape, Affine(30, 0, 6e5, 0, -30, 6.6e6), "EPSG:32754")
    return ArraySource("s", grid, tuple(Band(f"b{i}") for i in range(4)), data)


def read(folder, name):
    with rasterio.open(Path(folder) / name) as raster:
        return raster.read(1)


@pytest.mark.parametrize("clusterer", ["student", "kmeans"])
def test_labels_come_with_their_lead(clusterer):
    source = scene()
    recipe = dataclasses.replace(RECIPE, clusterer=Step(clusterer, {"n_units": 4}))
    ready = pipeline.prepare(source, recipe)
    model = fit_model(ready.sample, ready.features, ready.front, source.bands, recipe)
    mask = valid_mask(source.data)
    made = label(model, source.data, mask, evidence=True)
    first, second = np.sort(made.evidence.log[:, mask], axis=0)[:-3:-1]
    np.testing.assert_array_equal(made.evidence.ahead[mask], first - second)
    leading = np.asarray(model.numbers)[made.evidence.log.argmax(axis=0)]
    np.testing.assert_array_equal(made.labels, np.where(mask, leading, 0))


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    out = tmp_path_factory.mktemp("confidence") / "out"
    return pipeline.map_scenes(scene(), RECIPE, out)


def test_the_map_has_its_confidence(mapped):
    units, sure = read(mapped.folder, "units.tif"), read(mapped.folder, "confidence.tif")
    np.testing.assert_array_equal(sure == NO_DATA, units == 0)
    assert sure[units > 0].max() <= 100
    facts = mapped.metrics["confidence"]
    assert facts["unlike"]["pixels"] == (sure == UNLIKE).sum()
    assert facts["mean"] == pytest.approx(sure[units > 0].mean())
    legend = json.loads((mapped.folder / "legend.json").read_text("utf-8"))
    for unit in legend["units"]:
        own = sure[units == unit["number"]]
        assert unit["mean_confidence"] == pytest.approx(own.mean())


def test_files_and_page_tell_it(mapped):
    with rasterio.open(mapped.folder / "confidence.tif") as raster:
        assert raster.nodata == NO_DATA
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert confidence.WORD_UNLIKE in (mapped.folder / "confidence.qml").read_text("utf-8")
    page = (mapped.folder / "report.html").read_text("utf-8")
    assert "How sure is it?" in page
    assert "Not calibrated." in page  # no calibration was learnt for this recipe


def test_polygons_of_the_map_have_means(mapped):
    import pyogrio

    _, _, _, fields = pyogrio.raw.read(
        mapped.folder / "units.gpkg", layer="units", read_geometry=False
    )
    names = list(pyogrio.read_info(mapped.folder / "units.gpkg", layer="units")["fields"])
    table = dict(zip(names, fields, strict=True))
    weighted = (table["mean_confidence"] * table["pixels"]).sum() / table["pixels"].sum()
    assert weighted == pytest.approx(mapped.metrics["confidence"]["mean"], abs=0.1)


def test_the_model_keeps_it(mapped, tmp_path):
    model = Model.load(mapped.folder)
    model.save(tmp_path)
    again = Model.load(tmp_path)
    np.testing.assert_array_equal(again.confidence.table, model.confidence.table)
    assert again.digest() == model.digest()
    same = pipeline.apply_to_scenes(mapped.folder, scene(), tmp_path / "out")
    expected = (mapped.folder / "confidence.tif").read_bytes()
    assert (tmp_path / "out" / "confidence.tif").read_bytes() == expected
    assert any("unlike any unit" in note for note in same.notes)
    assert not any("foreign" in note for note in same.notes)


def test_a_foreign_scene_is_told(mapped, tmp_path):
    other = scene(seed=0)
    other = dataclasses.replace(other, data=other.data + np.float32(9) * np.sign(other.data))
    result = pipeline.apply_to_scenes(mapped.folder, other, tmp_path / "out")
    assert result.metrics["confidence"]["unlike"]["share"] > 0.5
    assert any("the model is foreign to this scene" in note for note in result.notes)


def test_a_model_of_before_has_none_and_says_so(mapped, tmp_path):
    model = dataclasses.replace(Model.load(mapped.folder), confidence=None)
    model.save(tmp_path / "old")
    result = pipeline.apply_to_scenes(tmp_path / "old", scene(), tmp_path / "out")
    assert not (result.folder / "confidence.tif").exists()
    assert any("fit it again" in note for note in result.notes)
    np.testing.assert_array_equal(
        read(result.folder, "units.tif"), read(mapped.folder, "units.tif")
    )


@pytest.mark.parametrize("block", [512, 1024])
def test_after_a_sieve_it_is_that_of_the_label_that_came_out(mapped, tmp_path, block):
    recipe = dataclasses.replace(
        RECIPE, products=dataclasses.replace(RECIPE.products, min_area=20 * 900),
        run=dataclasses.replace(RECIPE.run, block=block),
    )  # fmt: skip
    result = pipeline.map_scenes(scene(), recipe, tmp_path / "out")
    units, sure = read(result.folder, "units.tif"), read(result.folder, "confidence.tif")
    changed = units != read(mapped.folder, "units.tif")
    assert changed.sum() > 20
    whole = tuple(slice(0, n) for n in units.shape)
    rate = Rate(Model.load(result.folder))
    np.testing.assert_array_equal(sure, rate(scene().data, units, whole))
    assert sure[changed].mean() < sure[units > 0].mean()
    assert result.metrics["confidence"]["mean"] == pytest.approx(sure[units > 0].mean())


@pytest.fixture(scope="module")
def fresh():
    """What the default recipe makes of scenes that no calibration was learnt on, and the truth."""
    maps = []
    for seed, units in ((701, 5), (702, 6), (703, 8)):
        made = simulate_scene("landsat8", shape=(130, 130), units=units, seed=seed)
        grid = GeoBox(made.truth.shape, Affine(*made.transform), made.crs)
        source = ArraySource("scene", grid, made.bands, made.reflectance)
        default = load_recipe("default")
        clusterer = with_step(default.clusterer, n_units=units, n_fit_rows=8000)
        recipe = dataclasses.replace(default, clusterer=clusterer)
        ready = pipeline.prepare(source, recipe)
        model = fit_model(ready.sample, ready.features, ready.front, source.bands, recipe)
        maps.append((model, source, made.truth))
    return maps


def right_and_sure(model, source, truth, folder):
    apply_model(model, source, folder, threads=1)
    units, sure = read(folder, "units.tif"), read(folder, "confidence.tif").astype(int)
    there = (units > 0) & (truth > 0) & (sure > UNLIKE)
    counts = np.zeros((256, 256), int)
    np.add.at(counts, (units[there], truth[there]), 1)
    return (counts.argmax(axis=1)[units] == truth)[there], sure[there]


def test_percentages_are_shares_that_are_right(fresh, tmp_path):
    parts = [right_and_sure(*one, tmp_path) for one in fresh]
    right, sure = (np.concatenate(part) for part in zip(*parts, strict=True))
    assert 100 * right.mean() == pytest.approx(sure.mean(), abs=8)
    for low in range(50, 100, 10):
        some = (sure >= low) & (sure < low + 10 + (low == 90))
        if some.mean() > 0.05:
            assert 100 * right[some].mean() == pytest.approx(sure[some].mean(), abs=12), low
    assert right[sure >= 85].mean() > right[sure < 60].mean() + 0.2
