import dataclasses
import json
import tomllib

import geopandas
import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from rasterio.features import rasterize
from shapely.geometry import box

import outcrop
from outcrop.__main__ import main
from outcrop.config import Recipe, Step
from outcrop.cube import as_source
from outcrop.errors import InputError, OutcropError, SceneError
from outcrop.model import Model
from outcrop.pipeline import apply_to_scenes, fit_scenes, map_scenes
from rasters import UTM, blobs, write

FAST = Recipe(
    reducer=Step("pca", {"n_components": 3}),
    clusterer=Step("kmeans", {"n_units": 4}),
    refine=(Step("majority", {"size": 3}),),
)


@pytest.fixture
def scene(tmp_path):
    data, _ = blobs((80, 120), bands=6, units=4, spread=0.05)
    return write(tmp_path / "scene.tif", np.round(data * 1e4).astype("i2"), nodata=0)


def like(recipe, path):
    return dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, like=str(path)))


def labels(folder):
    with rasterio.open(folder / "units.tif") as dataset:
        return dataset.read(1)


def test_the_recipe_of_a_run_gives_the_same_map_again(tmp_path, scene):
    first = map_scenes([scene], FAST, tmp_path / "a")
    again = map_scenes([scene], outcrop.load_recipe(tmp_path / "a" / "run.toml"), tmp_path / "b")
    one, two = ((r.folder / "units.tif").read_bytes() for r in (first, again))
    assert one == two
    settings = tomllib.loads((tmp_path / "a" / "run.toml").read_text())
    assert settings["clusterer"]["n_init"] == 4, "defaults are written out"
    assert settings["provenance"]["inputs"][0]["bytes"] > 0
    assert "sha256" not in settings["provenance"]["inputs"][0]


def test_checksum_is_that_of_the_file(tmp_path, scene):
    import hashlib

    map_scenes([scene], FAST, tmp_path / "a", checksum=True)
    settings = tomllib.loads((tmp_path / "a" / "run.toml").read_text())
    with open(scene, "rb") as stream:
        expected = hashlib.sha256(stream.read()).hexdigest()
    assert settings["provenance"]["inputs"][0]["sha256"] == expected


def test_applying_the_model_of_a_run_gives_its_map(tmp_path, scene):
    mapped = map_scenes([scene], FAST, tmp_path / "a")
    applied = apply_to_scenes(tmp_path / "a", [scene], tmp_path / "b")
    np.testing.assert_array_equal(labels(applied.folder), labels(mapped.folder))
    assert applied.legend == mapped.legend
    fitted = fit_scenes([scene], FAST, tmp_path / "m")
    again = apply_to_scenes(tmp_path / "m", [scene], tmp_path / "c")
    np.testing.assert_array_equal(labels(again.folder), labels(mapped.folder))
    assert fitted.numbers == (1, 2, 3, 4)


def test_apply_keeps_the_nodata_of_the_fit(tmp_path):
    data, _ = blobs((40, 50), bands=4)
    data[:, :10] = 0
    path = write(tmp_path / "s.tif", data)
    recipe = dataclasses.replace(FAST, input=dataclasses.replace(FAST.input, nodata=0.0))
    map_scenes([path], recipe, tmp_path / "a")
    applied = apply_to_scenes(tmp_path / "a", [path], tmp_path / "b")
    np.testing.assert_array_equal(labels(applied.folder) == 0, (data == 0).all(axis=0))


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Step("pca", {"n_components": "abc"}), "n_components = 'abc'"),
        (Step("stacked", {"layers": ["a"]}), "layers = "),
        (Step("stacked", {"batch_size": 0}), "batch_size = 0"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(tmp_path, scene, step, says):
    with pytest.raises(OutcropError, match=says):
        map_scenes([scene], dataclasses.replace(FAST, reducer=step), tmp_path / "a")


def test_a_saved_model_is_the_model(tmp_path, scene):
    model = fit_scenes([scene], FAST, tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    rows = np.random.default_rng(0).normal(3000, 1000, (5000, 6)).astype("f4")
    np.testing.assert_array_equal(loaded.codes(rows), model.codes(rows))
    np.testing.assert_array_equal(
        loaded.assign(loaded.codes(rows)), model.assign(model.codes(rows))
    )
    assert loaded.legend == model.legend
    assert loaded.bands == model.bands


def test_like_takes_over_numbers_names_and_colours(tmp_path, scene):
    first = map_scenes([scene], FAST, tmp_path / "a")
    legend = json.loads((tmp_path / "a" / "legend.json").read_text())
    numbers = [7, 3, 12, 5]
    for unit, number in zip(legend["units"], numbers, strict=True):
        unit |= {"number": number, "name": f"Bed {number}", "colour": f"#0000{number:02x}"}
    (tmp_path / "mine.json").write_text(json.dumps(legend))
    other = dataclasses.replace(FAST, run=dataclasses.replace(FAST.run, seed=5))
    other = like(other, tmp_path / "mine.json")
    second = map_scenes([scene], other, tmp_path / "b")
    old, new = labels(first.folder), labels(second.folder)
    for unit, number in enumerate(numbers, start=1):
        assert (new[old == unit] == number).mean() > 0.99
    assert {u.name for u in second.legend.units} == {f"Bed {n}" for n in numbers}
    assert [u.number for u in second.legend.units] == sorted(numbers)
    again = map_scenes([scene], outcrop.load_recipe(second.folder / "run.toml"), tmp_path / "c")
    np.testing.assert_array_equal(labels(again.folder), new)


def test_unmatched_units_get_new_numbers_and_colours(tmp_path, scene):
    map_scenes([scene], FAST, tmp_path / "a")
    legend = json.loads((tmp_path / "a" / "legend.json").read_text())
    legend["units"] = legend["units"][:3]
    (tmp_path / "mine.json").write_text(json.dumps(legend))
    result = map_scenes([scene], like(FAST, tmp_path / "mine.json"), tmp_path / "b")
    assert sorted(u.number for u in result.legend.units) == [1, 2, 3, 4]
    assert len({u.colour for u in result.legend.units}) == 4


def test_code_is_saved_on_request_and_is_no_data_where_the_map_is(tmp_path):
    data, _ = blobs((60, 70), bands=6)
    data[2, :10, :10] = np.nan
    path = write(tmp_path / "s.tif", data)
    recipe = dataclasses.replace(
        FAST,
        reducer=Step("pca", {"n_components": 3, "whiten": True}),
        products=dataclasses.replace(FAST.products, save_code=True),
    )
    result = map_scenes([path], recipe, tmp_path / "a")
    with rasterio.open(result.folder / "code.tif") as code:
        planes = code.read()
        assert code.descriptions == ("code 1", "code 2", "code 3")
    missing = labels(result.folder) == 0
    assert missing.sum() == 100
    np.testing.assert_array_equal(np.isnan(planes).any(axis=0), missing)
    inside = planes[:, ~missing]
    np.testing.assert_allclose(np.cov(inside), np.eye(3), atol=0.02)


def test_areas_in_degrees_are_geodesic(tmp_path):

    data, _ = blobs((40, 50), bands=4)
    path = write(tmp_path / "s.tif", data, crs="EPSG:4326",
                 transform=Affine(0.001, 0, 142, 0, -0.001, -31))  # fmt: skip
    result = map_scenes([path], FAST, tmp_path / "a")
    total = sum(u.area for u in result.legend.units)
    from pyproj import Geod

    west, east, south, north = 142, 142.05, -31.04, -31
    area, _ = Geod(ellps="WGS84").polygon_area_perimeter(
        [west, east, east, west], [north, north, south, south]
    )
    assert total == pytest.approx(abs(area), rel=1e-4)


def test_without_crs_areas_are_pixels(tmp_path):
    data, _ = blobs((40, 50), bands=4)
    path = write(tmp_path / "s.tif", data, crs=None, transform=None)
    result = map_scenes([path], FAST, tmp_path / "a")
    assert all(u.area is None for u in result.legend.units)
    assert sum(u.pixels for u in result.legend.units) == 2000
    assert any("no CRS" in note for note in result.notes)
    with rasterio.open(result.folder / "units.tif") as units:
        assert units.crs is None


@pytest.mark.parametrize("part", [(slice(None), slice(None)), (slice(8, 40), slice(5, 45))])
def test_a_scene_without_crs_and_a_part_of_it_lie_on_one_plane(tmp_path, part):
    data, _ = blobs((40, 50), bands=4)
    cube = outcrop.open_scene(write(tmp_path / "s.tif", data, crs=None, transform=None))
    top, left = part[0].start or 0, part[1].start or 0
    cut = cube[:, *part]
    result = map_scenes(as_source(cut), FAST, tmp_path / "a")
    with rasterio.open(result.folder / "units.tif") as units:
        assert units.transform == Affine(1, 0, left, 0, -1, -top)
        bounds, mapped = units.bounds, units.read(1)
    polygons = geopandas.read_file(result.folder / "units.gpkg")
    assert tuple(polygons.total_bounds) == bounds
    drawn = rasterize(zip(polygons.geometry, polygons.number, strict=True), mapped.shape,
                      transform=Affine(1, 0, left, 0, -1, -top))  # fmt: skip
    np.testing.assert_array_equal(drawn, mapped)
    np.testing.assert_array_equal(result.units, mapped)
    xr.align(result.units, cut, join="exact")
    for sign in (1, -1):  # as rows, and as a GIS has them
        drawn = box(left, sign * top, left + 10, sign * (top + 4))
        geopandas.GeoDataFrame({"c": [1]}, geometry=[drawn]).to_file(tmp_path / "t.shp")
        assert outcrop.evaluate(result.folder, tmp_path / "t.shp", field="c").n == 40


def test_rotated_grids_and_oblong_pixels_keep_their_place(tmp_path):

    data, _ = blobs((40, 50), bands=4)
    turned = Affine(20, 8, 600000, 8, -30, 6600000)
    path = write(tmp_path / "s.tif", data, transform=turned)
    result = map_scenes([path], FAST, tmp_path / "a")
    with rasterio.open(result.folder / "units.tif") as units:
        assert units.transform.almost_equals(turned)
    assert sum(u.area for u in result.legend.units) == pytest.approx(2000 * (20 * 30 + 64))


def test_an_area_of_interest_maps_only_what_is_inside(tmp_path, scene):
    area = tmp_path / "aoi.gpkg"
    shape = box(600300, 6598800, 601200, 6599400)
    geopandas.GeoDataFrame(geometry=[shape], crs=UTM).to_file(area)
    recipe = dataclasses.replace(FAST, input=dataclasses.replace(FAST.input, aoi=str(area)))
    result = map_scenes([scene], recipe, tmp_path / "a")
    assert labels(result.folder).shape == (20, 30)
    assert sum(u.area for u in result.legend.units) == shape.area


def test_two_scenes_make_one_map_without_a_seam(tmp_path, scene):
    with rasterio.open(scene) as dataset:
        data = dataset.read()
    left = write(tmp_path / "l.tif", data[:, :, :70], nodata=0)
    right = write(tmp_path / "r.tif", data[:, :, 60:], nodata=0, origin=(601800.0, 6600000.0))
    whole = map_scenes([scene], FAST, tmp_path / "a")
    both = map_scenes([left, right], FAST, tmp_path / "b")
    np.testing.assert_array_equal(labels(both.folder), labels(whole.folder))


def test_a_constant_band_has_no_say(tmp_path):
    data, _ = blobs((40, 50), bands=4)
    data[1] = 0.5
    result = map_scenes([write(tmp_path / "s.tif", data)], FAST, tmp_path / "a")
    assert any("constant" in n and "band 2" in n for n in result.notes)
    assert len(np.unique(labels(result.folder))) == 4


def test_undeclared_fill_is_pointed_out(tmp_path):
    data, _ = blobs((40, 50), bands=4)
    data[:, :10] = 0
    result = map_scenes([write(tmp_path / "s.tif", data)], FAST, tmp_path / "a")
    assert any("25.0%" in n and "--nodata 0" in n for n in result.notes)


@pytest.mark.parametrize("fill", [-9999, -32768, 30000])
def test_other_undeclared_fill_is_pointed_out(tmp_path, fill):
    data, _ = blobs((40, 50), bands=4)
    data[:, :1] = fill
    found = map_scenes([write(tmp_path / "s.tif", data)], FAST, tmp_path / "a").notes
    assert any(f"2.5% of the pixels are {fill} in every band" in n for n in found)
    declared = write(tmp_path / "t.tif", data, nodata=fill)
    assert not any("in every band" in n for n in map_scenes([declared], FAST, tmp_path / "b").notes)


def test_log_needs_reflectance(tmp_path, scene):
    recipe = dataclasses.replace(FAST, features=dataclasses.replace(FAST.features, transform="log"))
    with pytest.raises(InputError, match="needs reflectance"):
        map_scenes([scene], recipe, tmp_path / "a")
    scaled = dataclasses.replace(recipe, input=dataclasses.replace(FAST.input, scale=1e-4))
    assert map_scenes([scene], scaled, tmp_path / "a").metrics["units"] == 4


def test_the_api_maps_a_cut_cube(tmp_path, scene):
    cube = outcrop.open_scene(scene, sensor="landsat8", scale=1e-4)
    result = outcrop.map_units(cube[:, 10:50, 20:100], FAST, tmp_path / "a", units=3, seed=1)
    assert result.units.shape == (40, 80)
    assert result.units.rio.crs == UTM
    assert result.legend.quantity == "reflectance"
    assert result.metrics["units"] == 3
    with pytest.raises(SceneError, match="nope"):
        outcrop.open_scene("nope.tif")


def test_quiet_says_nothing_and_info_says_what_it_found(tmp_path, scene, capsys):
    assert main(["map", scene, "-o", str(tmp_path / "a"), "--units", "4", "-q"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert main(["info", scene, "--sensor", "landsat8", "--scale", "0.0001", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [b["name"] for b in facts["bands"]] == ["B2", "B3", "B4", "B5", "B6", "B7"]
    assert {b["quantity"] for b in facts["bands"]} == {"reflectance"}
    assert facts["coverage"] == 1.0
    assert facts["crs"] == UTM


@pytest.mark.parametrize("argv", [[], ["--help"], ["--version"], ["recipes"], ["sensors"],
                                  ["recipes", "nagar2024"], ["map", "--help"]])  # fmt: skip
def test_commands_that_only_tell(argv, capsys):
    assert main(argv) == 0
    assert capsys.readouterr().out
