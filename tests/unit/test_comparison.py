"""Comparisons from end to end, on a scene of stripes."""

import csv
import dataclasses
import json
import re
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from shapely.geometry import box

from outcrop.__main__ import main
from outcrop.comparison import Contender, Scene, Settings, code_contenders, compare, find_recipes
from outcrop.comparison.contenders import baseline_name
from outcrop.comparison.preset import preset_contenders, preset_scenes
from outcrop.config import Preprocess, Recipe, Step, load_recipe
from outcrop.errors import InputError, RecipeError, ReferenceMapError
from outcrop.publish import STATE
from rasters import UTM, blobs, write

KMEANS = Step("kmeans", {"n_curve_rows": 200, "min_units": 2, "max_units": 5})
GOOD = Contender("bands", Recipe(Step("none"), KMEANS, preprocess=Preprocess("standard")))
# More components than there are bands.
FAILS = Contender("fails", Recipe(Step("pca", {"n_components": 9}), KMEANS))
QUICK = Settings(seeds=2, workers=1)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ground")
    data, truth = blobs((60, 80), bands=4, units=3)
    write(folder / "scene.tif", data)
    write(folder / "truth.tif", truth, nodata=0)
    write(folder / "far.tif", truth, origin=(700000.0, 6600000.0))
    write(folder / "one.tif", np.ones_like(truth))
    patches = [box(600000 + x, 6598500, 600090 + x, 6598590) for x in range(0, 2400, 300)]
    frame = geopandas.GeoDataFrame(
        {"rock": ["a", "a", "a", "b", "b", "c", "c", "c"]}, geometry=patches, crs=UTM
    )
    frame.to_file(folder / "patches.gpkg")
    return folder


def scene_of(ground, reference="truth.tif", **more):
    return Scene("stripes", (str(ground / "scene.tif"),), str(ground / reference), **more)


@pytest.fixture(scope="module")
def compared(ground):
    out = ground / "out"
    pca = next(c for c in code_contenders() if c.name == baseline_name())
    pca = dataclasses.replace(pca, recipe=dataclasses.replace(pca.recipe, clusterer=KMEANS))
    said = []
    two = dataclasses.replace(QUICK, workers=2)
    result = compare([scene_of(ground)], [GOOD, FAILS, pca], out, two, say=said.append)
    return out, result, said


def test_everything_is_published(compared):
    out, _, said = compared
    assert {p.name for p in out.iterdir()} >= {
        "cells.csv", "classes.csv", "ranking.csv", "comparison.json", "report.html", "maps",
    }  # fmt: skip
    assert "6 cells to do" in said[0]
    assert not (out / STATE).exists()
    facts = json.loads((out / "comparison.json").read_text())
    assert facts["scenes"][0]["group_kind"] == "blocks"
    page = (out / "report.html").read_text()
    assert "not said to be" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_stripes_are_found_and_failures_told(compared):
    _, result, _ = compared
    first, second, last = result.ranked
    assert {first["contender"], second["contender"]} == {"bands", baseline_name()}
    assert first["by_number"]["classes"]["overall_accuracy"] > 0.99
    assert first["stability"].mean > 0.99
    assert first["interval"][1] <= first["ami"] <= first["interval"][2] + 0.02
    assert last["rank"] is None
    assert "9" in last["failed"][0]
    assert any("fails failed on stripes" in note for note in result.notes)


def test_rows_hold_every_cell_number_and_class(compared):
    out, _, _ = compared
    with (out / "cells.csv").open() as source:
        rows = list(csv.DictReader(source))
    assert len(rows) == 2 * 2 * 4
    asked = {row["number"]: row["asked"] for row in rows}
    assert asked == {"classes": "3", "1.5 x": "5", "2 x": "6", "auto": "auto"}
    with (out / "classes.csv").open() as source:
        assert len(list(csv.DictReader(source))) == 2 * 2 * 4 * 3


def test_finished_cells_are_not_run_again(ground, compared):
    out, result, _ = compared
    before = {p.name: p.stat().st_mtime_ns for p in (out / "cells").glob("*.json")}
    said = []
    again = compare([scene_of(ground)], [GOOD], out, QUICK, resume=True, say=said.append)
    assert said == ["all 2 cells are finished"]
    assert again.ranked[0]["ami"] == next(
        row["ami"] for row in result.ranked if row["contender"] == "bands"
    )
    after = {p.name: p.stat().st_mtime_ns for p in (out / "cells").glob("*.json")}
    assert after == before


def test_an_interrupt_keeps_what_is_finished(ground, tmp_path):
    def stop(stage):
        def progress(done, _):
            if stage == "Comparing" and done == 1:
                raise KeyboardInterrupt

        return progress

    out = tmp_path / "out"
    settings = Settings(seeds=2, workers=1, stability=False)
    with pytest.raises(KeyboardInterrupt) as caught:
        compare([scene_of(ground)], [GOOD], out, settings, report=stop)
    assert "1 finished cell is kept" in caught.value.__notes__[0]
    assert not out.exists()
    said = []
    compare([scene_of(ground)], [GOOD], out, settings, resume=True, say=said.append)
    assert said[0].startswith("1 cells are finished; 1 cells to do")
    assert not out.with_name("out.partial").exists()


def test_polygons_are_resampled_whole(ground, tmp_path):
    settings = Settings(seeds=1, workers=1, stability=False)
    scene = scene_of(ground, "patches.gpkg", column="rock")
    result = compare([scene], [GOOD], tmp_path / "out", settings)
    facts = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert facts["scenes"][0]["groups"] == 8
    assert facts["scenes"][0]["group_kind"] == "polygons"
    assert facts["scenes"][0]["classes"] == ["a", "b", "c"]
    assert result.ranked[0]["stability"] is None


@pytest.mark.parametrize(("reference", "settings", "message"), [
    ("far.tif", QUICK, "does not overlap scene stripes"),
    ("one.tif", QUICK, "only class 1 on scene stripes"),
    ("nope.tif", QUICK, "does not exist"),
    ("truth.tif", Settings(design="random"), "4800 labelled pixels of .* lie in 1 areas"),
    ("truth.tif", Settings(design="stratified"), "--strata MAP go together"),
    ("truth.tif", Settings(design="rndom"), "did you mean 'random'"),
    ("truth.tif", Settings(seeds=0), "--seeds 0 must be 1 or more"),
    ("truth.tif", Settings(resample="pixels"), "unknown way 'pixels'"),
])  # fmt: skip
def test_what_cannot_be_compared_leaves_nothing(ground, tmp_path, reference, settings, message):
    with pytest.raises(InputError, match=message):
        compare([scene_of(ground, reference)], [GOOD], tmp_path / "out", settings)
    assert list(tmp_path.iterdir()) == []


def test_classes_may_be_values_of_several_rasters(ground, tmp_path):
    from outcrop.comparison.grounds import read_ground

    (tmp_path / "references").mkdir()
    here = f"{ground}/truth.tif"
    scene = Scene("s", (str(ground / "scene.tif"),), f"left={here}[1],right={here}[3]")
    truth = read_ground(scene, QUICK, tmp_path).truth
    assert truth.classes == ("left", "right")
    assert (truth.codes[:, 0] == 1).all()
    assert (truth.codes[:, 40] == 0).all()
    assert (truth.codes[:, -1] == 2).all()
    wrong = Scene("s", scene.paths, f"left={here}[9]")
    with pytest.raises(ReferenceMapError, match="has the value 9 nowhere"):
        read_ground(wrong, QUICK, tmp_path)


def test_recipes_are_found_by_name_file_and_reducer(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('schema = 1\n[reducer]\nname = "pca"\n[clusterer]\nname = "kmeans"\n')
    found = find_recipes(["nagar2024:pca", "default", str(path)])
    assert [c.name for c in found] == ["nagar2024:pca", "default", "mine"]
    assert found[0].recipe.reducer.name == "pca"
    assert found[0].recipe.clusterer == load_recipe("nagar2024").clusterer
    for names, message in (
        (["nagar"], "unknown recipe 'nagar'"),
        (["default:pcaa"], "did you mean 'pca'"),
        (["default", "default"], "twice"),
        ([], "names none"),
    ):
        with pytest.raises(RecipeError, match=message):
            find_recipes(names)


def test_codes_differ_in_the_reducer_alone():
    made = code_contenders(3)
    assert {c.recipe.reducer.name for c in made} == {"pca", "mnf", "autoencoder", "stacked"}
    assert {c.name.rsplit(", ")[-1] for c in made} == {"raw", "whitened"}
    assert len({(str(c.recipe.clusterer), str(c.recipe.refine)) for c in made}) == 1
    with pytest.raises(InputError, match="code-size 0"):
        code_contenders(0)


def test_the_preset_has_one_filter_in_pixels_and_one_on_the_ground():
    by_name = {c.name: c for c in preset_contenders()}
    ground_sized = by_name["nagar2024:pca, 210 m"]
    sizes = [ground_sized.on(m).refine[0].params["size"] for m in (30.0, 15.0, 10.0)]
    assert sizes == [7, 13, 21]  # 210, 195 and 210 m
    assert by_name["nagar2024:pca, 7 px"].on(10.0).refine[0].params["size"] == 7


def test_the_preset_sees_two_grounds_with_three_sensors_each(tmp_path):
    rock = np.zeros((400, 500), np.uint8)
    patch = np.kron(np.arange(16).reshape(4, 4) % 5, np.ones((15, 15))) + 1
    rock[100:160, 200:260] = patch
    rock[300:340, 40:100] = patch[:40]
    geology = Path(write(tmp_path / "rock.tif", rock, pixel=15.0))
    heights = np.add.outer(np.arange(80.0), 3 * np.arange(90.0)).astype(np.float32)
    relief = Path(write(tmp_path / "dem.tif", heights, pixel=90.0))

    make = preset_scenes(geology, relief=relief, pixels=12_000)
    scenes = make(tmp_path)
    assert [s.name for s in scenes] == [
        f"{ground}, {sensor}"
        for ground in ("bare", "scrub")
        for sensor in ("landsat8, 30 m", "aster, 15 m", "sentinel2, 10 m")
    ]
    row, column, side, _ = scenes[0].origin["window"]
    assert 90 <= row <= 120
    assert 190 <= column <= 220
    assert side == 73
    assert scenes[3].origin["window"][0] >= 240

    truths = []
    for scene in scenes[:3]:
        with rasterio.open(scene.reference) as truth, rasterio.open(scene.paths[0]) as cube:
            assert truth.bounds == cube.bounds
            truths.append((truth.bounds, truth.read(1)))
    assert len({bounds for bounds, _ in truths}) == 1
    landsat, _, sentinel = (t for _, t in truths)
    # The middle of a pixel of Landsat lies in a pixel of Sentinel-2, of the same unit but at edges.
    assert (sentinel[1::3, 1::3] == landsat).mean() > 0.9

    before = (tmp_path / "scenes" / "bare-aster" / "scene.tif").stat().st_mtime_ns
    assert [s.origin for s in make(tmp_path)] == [s.origin for s in scenes]
    assert (tmp_path / "scenes" / "bare-aster" / "scene.tif").stat().st_mtime_ns == before
    one = preset_scenes(geology, relief=relief, pixels=12_000, grounds=["scrub"])(tmp_path)
    assert [s.origin for s in one] == [s.origin for s in scenes[3:]]
    with pytest.raises(InputError, match="did you mean 'bare'"):
        preset_scenes(geology, grounds=["bar"])
    with pytest.raises(InputError, match="--pixels 5000000"):
        preset_scenes(geology, pixels=5_000_000)
    small = Path(write(tmp_path / "small.tif", heights[:10, :10], pixel=90.0))
    with pytest.raises(InputError, match="is smaller than"):
        preset_scenes(geology, relief=small, pixels=12_000)(tmp_path / "more")


@pytest.mark.parametrize(("command", "message"), [
    ("compare scene.tif -o out", "give --reference"),
    ("compare -o new --reference truth.tif", "1 references for 0 scenes|no scene was given"),
    ("compare scene.tif -o out --reference truth.tif --recipes nope", "unknown recipe 'nope'"),
    ("compare scene.tif -o new --reference a=truth.tif --recipes default", "NAME=RASTER"),
    ("compare -o out --preset nagar", "did you mean 'nagar2024'"),
    ("compare -o out --preset nagar2024", "give --geology RASTER"),
    ("compare -o out --preset nagar2024 --geology nope.tif", "no such file"),
    ("compare -o out --preset nagar2024 --geology truth.tif --relief nope.tif", "of elevations"),
    ("compare scene.tif -o new --reference truth.tif --numbers 1.5,many", "'many' is neither"),
    ("sample nope.tif -o points", "does not exist"),
    ("sample truth.tif -o points --n 1", "each needs two points"),
    ("sample truth.tif -o points --design rand", "did you mean 'random'"),
])  # fmt: skip
def test_mistakes_are_one_line(ground, monkeypatch, capsys, command, message):
    monkeypatch.chdir(ground)
    before = sorted(p.name for p in ground.iterdir())
    assert main(command.split()) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1

    assert re.search(message, error), error
    assert sorted(p.name for p in ground.iterdir()) == before


def test_a_sample_can_be_compared_on(ground, monkeypatch, capsys):
    monkeypatch.chdir(ground)
    assert main(["sample", "truth.tif", "--n", "60", "-o", "visits.gpkg"]) == 0
    points = geopandas.read_file(ground / "visits.gpkg")
    points["class"] = points["stratum"].map({1: "a", 2: "b", 3: "c"})
    points.to_file(ground / "visited.gpkg")
    scene = scene_of(ground, "visited.gpkg", column="class")
    settings = Settings(seeds=1, workers=1, stability=False, design="stratified",
                        strata="truth.tif")  # fmt: skip
    compare([scene], [GOOD], ground / "sampled", settings)
    with (ground / "sampled" / "areas.csv").open() as source:
        rows = [r for r in csv.DictReader(source) if r["number"] == "classes"]
    assert rows[0]["class"] == "(all)"
    assert float(rows[0]["accuracy"]) > 0.97
    areas = [float(r["area"]) for r in rows[1:]]
    assert sum(areas) == pytest.approx(60 * 80 * 900)
    assert "probability sample (stratified)" in (ground / "sampled" / "report.html").read_text()
