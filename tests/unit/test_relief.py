"""The light on slopes: geometry by formulas, shadows by shapes, corrections by truth."""

import pickle

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.config import Input, load_recipe, parse_recipe, recipe_to_toml
from outcrop.errors import RecipeError, SceneError
from outcrop.lighting import lit_parts, unlit
from outcrop.opening import open_source
from outcrop.reasons import CAST_SHADOW, NO_HEIGHT
from outcrop.relief.correction import MOST_GAIN, C, Minnaert, ScsC
from outcrop.relief.dem import open_heights, span
from outcrop.relief.dependence import measure, mutual_information
from outcrop.relief.fitting import without_relief
from outcrop.relief.geometry import lattice, pixel_metres
from outcrop.relief.light import Light, light_on
from outcrop.sensors.base import Sun
from outcrop.source import Window, notes_of
from rasters import UTM, write

SHAPE = (60, 80)


def hills(shape=SHAPE, height=300.0, pixel=30.0):
    y, x = np.mgrid[: shape[0], : shape[1]] * pixel
    return (height * (np.sin(x / 400) * np.cos(y / 500) + 1)).astype("f4")


def plane(slope, facing, shape=SHAPE, pixel=30.0):
    """Ground of one slope that faces an azimuth of the grid (both in degrees)."""
    y, x = np.mgrid[: shape[0], : shape[1]] * pixel
    away = np.radians(facing)
    return (1000 - np.tan(np.radians(slope)) * (x * np.sin(away) - y * np.cos(away))).astype("f4")


def grid(shape=SHAPE, crs=UTM, pixel=30.0, corner=(600000.0, 6600000.0)):
    return GeoBox(shape, Affine(pixel, 0, corner[0], 0, -pixel, corner[1]), crs)


def light(tmp_path, ground, sun, **more):
    heights = open_heights(write(tmp_path / "dem.tif", ground, **more), grid(ground.shape), "scene")
    return light_on(heights, sun, span(heights))[0]


def lit_scene(tmp_path, ground, sun, *, sky=0.2, shape=SHAPE, noise=0.0):
    """Two rocks under a hillshade that C models exactly; returns paths of scene and DEM, truth."""
    dem = write(tmp_path / "dem.tif", ground)
    heights = open_heights(dem, grid(shape), "scene")
    planes = light_on(heights, sun, span(heights))[0].read(Window(0, 0, *shape))
    rng = np.random.default_rng(0)
    rock = rng.integers(0, 2, shape)
    flat = np.stack([0.2 + 0.2 * rock, 0.4 - 0.1 * rock, 0.3 + 0.05 * rock]).astype("f4")
    shade = (np.maximum(planes.incidence, 0) + sky) / (np.sin(np.radians(sun.elevation)) + sky)
    data = flat * np.where(np.isfinite(shade), shade, 1) + rng.normal(0, noise, flat.shape)
    return write(tmp_path / "scene.tif", data.astype("f4")), dem, flat


def corrected(scene, dem, sun, **preprocess):
    recipe = load_recipe()
    text = {"scale": 1.0, "offset": 0.0, "dem": dem, "sun_azimuth": sun.azimuth,
            "sun_elevation": sun.elevation}  # fmt: skip
    import dataclasses

    recipe = dataclasses.replace(
        recipe,
        input=Input(**text),
        preprocess=dataclasses.replace(recipe.preprocess, **preprocess),
    )
    return without_relief(open_source(scene, recipe.input), recipe)


# --- geometry ---------------------------------------------------------------------------------


@pytest.mark.parametrize("facing", [0, 45, 90, 200, 315])
def test_incidence_on_a_plane_is_that_of_the_formula(tmp_path, facing):
    sun = Sun(120.0, 40.0)
    planes = light(tmp_path, plane(20, facing), sun).read(Window(10, 10, 30, 30))
    # At 600 km the grid's north lies about half a degree off the true one in this zone.
    zenith, slope, turn = np.radians([50, 20, 120 - facing])
    wanted = np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * np.cos(turn)
    np.testing.assert_allclose(planes.incidence, wanted, atol=0.005)
    np.testing.assert_allclose(planes.upright, np.cos(slope), atol=1e-3)
    error = (np.degrees(planes.aspect) - facing + 180) % 360 - 180
    assert np.abs(error).max() < 1.0


def test_azimuths_are_true_where_the_grid_is_turned():
    # Grid north of the polar projection at 90 degrees east points to the true west.
    corner = (2_000_000.0, 0.0)
    turned = GeoBox((4, 4), Affine(30, 0, corner[0], 0, -30, corner[1]), "EPSG:3031")
    nodes = lattice(turned, turned, Window(0, 0, 4, 4)).nodes[:, 0, 0]
    east_per_column, east_per_row, north_per_column, north_per_row = nodes[2:]
    assert abs(east_per_column) < 0.01 * abs(north_per_column)
    assert abs(north_per_row) < 0.01 * abs(east_per_row)
    assert east_per_row > 0
    assert north_per_column > 0


def test_a_model_on_the_grid_of_the_scene_has_slopes_to_its_edges(tmp_path):
    whole = light(tmp_path, plane(20, 90), Sun(90.0, 40.0)).read(Window(0, 0, *SHAPE))
    assert np.isfinite(whole.incidence).all()
    # The four corners, which have neighbours on two sides only, come out a little flatter.
    assert np.ptp(whole.incidence[1:-1]) < 0.001
    assert np.ptp(whole.incidence[:, 1:-1]) < 0.001
    assert np.ptp(whole.incidence) < 0.06


def test_pixels_in_degrees_have_their_metres():
    degrees = GeoBox((10, 10), Affine(0.001, 0, 20, 0, -0.001, 60), "EPSG:4326")
    # A degree of longitude at 60 degrees north is 55.8 km long (GRS80 and WGS84).
    assert pixel_metres(degrees) == pytest.approx(55.8, rel=0.01)


def test_flat_ground_has_the_sun_of_the_horizon_and_no_aspect(tmp_path):
    sun = light(tmp_path, np.full(SHAPE, 5.0, "f4"), Sun(200.0, 33.0))
    planes = sun.read(Window(5, 5, 20, 20))
    assert (planes.incidence == np.float32(sun.sine)).all()
    assert (planes.aspect == 0).all()
    assert planes.lit.all()


def test_heights_of_another_crs_are_those_of_the_ground(tmp_path):
    from pyproj import Transformer

    # A plane in longitude and latitude, which any interpolation must give back.
    west, north, cell = 136.0, -30.0, 0.001
    lon, lat = west + (np.arange(200) + 0.5) * cell, north - (np.arange(200) + 0.5) * cell
    ground = (1e4 * (lon[None] - west) + 5e3 * (lat[:, None] - north)).astype("f4")
    dem = write(tmp_path / "dem.tif", ground, crs="EPSG:4326",
                transform=Affine(cell, 0, west, 0, -cell, north))  # fmt: skip
    to_utm = Transformer.from_crs("EPSG:4326", "EPSG:32753", always_xy=True)
    x, y = to_utm.transform(136.08, -30.08)
    scene = grid((40, 40), "EPSG:32753", 30.0, (x, y))
    found = open_heights(dem, scene, "s").read(Window(0, 0, 40, 40))[0]
    at = scene.affine * np.meshgrid(np.arange(40) + 0.5, np.arange(40) + 0.5)
    lon, lat = to_utm.transform(*at, direction="INVERSE")
    np.testing.assert_allclose(found, 1e4 * (lon - west) + 5e3 * (lat - north), atol=0.05)


def test_a_finer_model_is_averaged(tmp_path):
    fine = np.random.default_rng(0).normal(500, 20, (240, 320)).astype("f4")
    dem = write(tmp_path / "dem.tif", fine, pixel=7.5)
    found = open_heights(dem, grid(), "s").read(Window(0, 0, *SHAPE))[0]
    means = fine.reshape(60, 4, 80, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(found[1:-1, 1:-1], means[1:-1, 1:-1], atol=0.01)


# --- shadows ----------------------------------------------------------------------------------


def test_a_wall_casts_the_shadow_that_its_height_says(tmp_path):
    ground = np.zeros((60, 120), "f4")
    ground[:, 80] = 300.0
    sun = light(tmp_path, ground, Sun(90.0, 30.0))
    lit = sun.read(Window(0, 0, 60, 120)).lit
    # 300 m at 30 degrees: 520 m, 17.3 pixels to the west of the wall.
    assert not lit[30, 64:79].any()
    assert lit[30, 20:61].all()
    assert lit[30, 84:].all()


def test_a_high_sun_casts_none(tmp_path):
    assert light(tmp_path, hills(), Sun(90.0, 89.0)).read(Window(5, 5, 40, 40)).lit.all()


@pytest.mark.parametrize("azimuth", [17.0, 45.0, 160.0, 250.0, 333.0])
def test_shadows_and_slopes_are_the_same_in_every_window(tmp_path, azimuth):
    sun = light(tmp_path, hills(height=900.0), Sun(azimuth, 15.0))
    whole = sun.read(Window(0, 0, *SHAPE))
    assert 0.05 < (~whole.lit).mean() < 0.95
    for window in (Window(7, 11, 20, 33), Window(40, 0, 20, 80), Window(16, 16, 1, 1)):
        part = sun.read(window)
        for a, b in zip(part, whole, strict=True):
            np.testing.assert_array_equal(a, b[window.slices])


def test_light_at_positions_is_that_of_windows(tmp_path):
    sun = light(tmp_path, hills(), Sun(100.0, 40.0))
    whole = sun.read(Window(0, 0, *SHAPE))
    positions = np.array([(3, 70), (59, 0), (20, 33)])
    found = sun.at(positions)
    for i, (row, col) in enumerate(positions):
        np.testing.assert_array_equal(found[i], [p[row, col] for p in whole[:3]])


# --- corrections ------------------------------------------------------------------------------


def test_c_finds_the_sky_that_was_put_in():
    rng = np.random.default_rng(1)
    incidence = rng.uniform(0.1, 1, 5000)
    fit = C().fit(0.3 * (incidence + 0.25) + rng.normal(0, 0.01, 5000), incidence, incidence)
    assert fit.coefficient == pytest.approx(0.25, abs=0.01)
    assert fit.correlation > 0.9


@pytest.mark.parametrize("values", [
    lambda i, rng: np.full(len(i), 0.3),
    lambda i, rng: rng.normal(0.3, 0.05, len(i)),
    lambda i, rng: 0.5 - 0.2 * i,
])  # fmt: skip
def test_a_band_that_does_not_follow_the_light_is_left_alone(values):
    rng = np.random.default_rng(2)
    incidence = rng.uniform(0.2, 1, 5000)
    upright = rng.uniform(0.7, 0.99, 5000)
    assert C().fit(values(incidence, rng), incidence, upright).coefficient is None


def test_flat_light_fits_nothing():
    flat = np.full(1000, 0.5)
    assert C().fit(np.linspace(0, 1, 1000), flat, flat).coefficient is None
    assert Minnaert().fit(np.linspace(0, 1, 1000), flat, np.ones(1000)).coefficient is None


def test_c_is_not_negative_and_no_gain_blows_up():
    incidence = np.linspace(0.2, 1, 100)
    fit = C().fit(0.5 * incidence - 0.1, incidence, incidence)
    assert fit.coefficient == 0
    dark = np.array([[-0.5, 0.0, 1e-6, 0.5]], "f4")
    for correction in (C(), ScsC(), Minnaert()):
        gain = correction.gain(0.0 if isinstance(correction, C) else 0.8, dark,
                               np.full_like(dark, 0.9), 0.5)  # fmt: skip
        assert (gain <= MOST_GAIN).all()
        assert (gain > 0).all()


def test_minnaert_finds_its_constant():
    rng = np.random.default_rng(3)
    incidence, upright = rng.uniform(0.2, 1, 5000), rng.uniform(0.6, 0.98, 5000)
    values = 0.3 * (incidence * upright) ** 0.6 / upright
    assert Minnaert().fit(values, incidence, upright).coefficient == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize("correction", [C(), ScsC(), Minnaert()])
def test_flat_ground_is_not_changed(correction):
    flat = np.full((3, 4), np.float32(0.6))
    assert (correction.gain(0.4, flat, np.ones_like(flat), float(flat[0, 0])) == 1).all()


# --- a scene ----------------------------------------------------------------------------------


def test_the_light_is_taken_out(tmp_path):
    sun = Sun(70.0, 45.0)
    scene, dem, flat = lit_scene(tmp_path, hills(), sun)
    source = corrected(scene, dem, sun)
    data = source.read(Window(0, 0, *SHAPE))
    assert source.coefficients == pytest.approx((0.2,) * 3, abs=0.05)
    inside = (slice(None), slice(2, -2), slice(2, -2))
    before = open_source(scene).read(Window(0, 0, *SHAPE))
    wrong = [np.nanmean(np.abs(d - flat)[inside] / flat[inside]) for d in (before, data)]
    assert wrong[1] < 0.15 * wrong[0]


def test_a_corrected_scene_is_the_same_in_every_window_and_can_be_sent(tmp_path):
    sun = Sun(70.0, 20.0)
    scene, dem, _ = lit_scene(tmp_path, hills(height=800.0), sun)
    source = pickle.loads(pickle.dumps(corrected(scene, dem, sun, illumination="minnaert")))
    whole, reasons = source.read_reasons(Window(0, 0, *SHAPE))
    assert (reasons == CAST_SHADOW).any()
    part, why = source.read_reasons(Window(13, 21, 30, 17))
    np.testing.assert_array_equal(part, whole[:, 13:43, 21:38])
    np.testing.assert_array_equal(why, reasons[13:43, 21:38])


def test_shadows_stay_where_they_are_not_masked(tmp_path):
    sun = Sun(70.0, 20.0)
    scene, dem, _ = lit_scene(tmp_path, hills(height=800.0), sun)
    data, reasons = corrected(scene, dem, sun, mask=("no-height",)).read_reasons(
        Window(2, 2, 50, 70)
    )
    assert not (reasons == CAST_SHADOW).any()
    assert np.isfinite(data).all()


def test_pixels_without_height_are_left_out_and_counted(tmp_path):
    sun = Sun(70.0, 45.0)
    ground = hills()
    scene, dem, _ = lit_scene(tmp_path, ground, sun)
    ground[:, 60:] = -9999
    write(tmp_path / "dem.tif", ground, nodata=-9999)
    source = corrected(scene, dem, sun)
    _, reasons = source.read_reasons(Window(0, 0, *SHAPE))
    assert (reasons[:, 62:] == NO_HEIGHT).all()
    assert not (reasons[5:-5, 5:55] == NO_HEIGHT).any()
    assert any("has heights under 7" in n and "left out" in n for n in notes_of(source))
    kept = corrected(scene, dem, sun, mask=()).read(Window(0, 0, *SHAPE))
    np.testing.assert_array_equal(
        kept[:, :, 62:], open_source(scene).read(Window(0, 0, *SHAPE))[:, :, 62:]
    )


def test_a_flat_scene_is_not_touched(tmp_path):
    scene, dem, _ = lit_scene(tmp_path, np.full(SHAPE, 100.0, "f4"), Sun(70.0, 45.0), noise=0.01)
    source = corrected(scene, dem, Sun(70.0, 45.0))
    assert source.coefficients == (None,) * 3
    inside = Window(2, 2, 40, 40)
    np.testing.assert_array_equal(source.read(inside), open_source(scene).read(inside))
    assert any("not corrected" in n for n in notes_of(source))


@pytest.mark.parametrize(("crs", "match"), [
    ({"crs": None}, "has no CRS; set it first"),
    ({"origin": (100000.0, 2000000.0)}, "no height under .*scene.tif"),
])  # fmt: skip
def test_a_model_that_does_not_fit_says_so(tmp_path, crs, match):
    scene, _, _ = lit_scene(tmp_path, hills(), Sun(70.0, 45.0))
    dem = write(tmp_path / "other.tif", hills(), **crs)
    with pytest.raises(SceneError, match=match):
        corrected(scene, dem, Sun(70.0, 45.0))


def test_a_scene_without_crs_cannot_be_corrected(tmp_path):
    dem = write(tmp_path / "dem.tif", hills())
    scene = write(tmp_path / "plain.tif", np.ones((2, *SHAPE), "f4"), crs=None)
    with pytest.raises(SceneError, match="has no CRS, so nobody knows which heights"):
        corrected(scene, dem, Sun(70.0, 45.0))


@pytest.mark.parametrize(("table", "key", "value"), [
    ("preprocess", "illumination", "cosine"), ("input", "sun_azimuth", 700.0),
    ("input", "sun_elevation", 0.0), ("input", "sun_elevation", 91.0),
])  # fmt: skip
def test_recipes_are_checked(table, key, value):
    import tomllib

    data = tomllib.loads(recipe_to_toml(load_recipe()))
    data[table][key] = value
    with pytest.raises(RecipeError, match=key):
        parse_recipe(data)


# --- dependence -------------------------------------------------------------------------------


def test_labellings_that_have_nothing_in_common_share_nothing():
    rng = np.random.default_rng(0)
    shared = [
        mutual_information(rng.integers(0, 9, 2000), rng.integers(0, 16, 2000)) for _ in range(20)
    ]
    assert np.mean(shared) < 0.01
    same = np.repeat(np.arange(4), 500)
    assert mutual_information(same, same) == pytest.approx(2.0, abs=0.01)


def test_rock_by_aspect_is_seen_across_the_sun_and_light_is_not():
    rng = np.random.default_rng(0)
    n = 40000
    aspect, slope = rng.uniform(-np.pi, np.pi, n), np.radians(rng.uniform(8, 30, n))
    sun, zenith = np.radians(140), np.radians(45)
    incidence = np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * np.cos(
        aspect - sun
    )
    light = np.stack([incidence, np.cos(slope), aspect], axis=1).astype("f4")
    by_light = measure((incidence > 0.7).astype(int), light, 140.0)
    by_aspect = measure((np.sin(aspect - sun) > 0).astype(int), light, 140.0)
    assert by_light["across_share"] < 0.01 < 0.3 < by_light["illumination_share"]
    assert by_aspect["illumination_share"] < 0.01 < 0.5 < by_aspect["across_share"]
    assert measure(np.zeros(50, int), light[:50], 140.0) is None


def test_a_light_without_reach_casts_no_shadow(tmp_path):
    sun = light(tmp_path, hills(height=900.0), Sun(90.0, 15.0))
    near = Light(sun.heights, sun.sun, sun.top, 0).read(Window(0, 0, *SHAPE))
    np.testing.assert_array_equal(near.lit, near.incidence > 0)


# --- a run ------------------------------------------------------------------------------------


def run_map(tmp_path, *more, out="out"):
    from outcrop.__main__ import main

    return main([
        "map", str(tmp_path / "scene.tif"), "-o", str(tmp_path / out), "--scale", "1", "--offset",
        "0", "--units", "2", "--sample", "3000", "-q", *more,
    ])  # fmt: skip


def test_a_run_says_what_it_did_and_runs_again(tmp_path):
    import json

    import rasterio

    from outcrop.__main__ import main

    sun = Sun(70.0, 25.0)
    scene, dem, _ = lit_scene(tmp_path, hills(height=500.0), sun, noise=0.01)
    given = ("--dem", dem, "--sun-azimuth", "70", "--sun-elevation", "25")
    assert run_map(tmp_path, *given) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    facts = metrics["illumination"]
    assert facts["after"]["illumination"] < facts["before"]["illumination"]
    assert metrics["masked"]["cast-shadow"]["pixels"] > 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Light on slopes" in page
    assert "coefficient" in (tmp_path / "out" / "run.toml").read_text()
    again = ["map", "--recipe", str(tmp_path / "out" / "run.toml"), scene, "-q"]
    assert main([*again, "-o", str(tmp_path / "again")]) == 0
    first, second = (
        rasterio.open(tmp_path / name / "units.tif").read(1) for name in ("out", "again")
    )
    np.testing.assert_array_equal(first, second)
    assert main(["apply", str(tmp_path / "out"), scene, "-o", str(tmp_path / "applied"), "-q",
                 *given]) == 0  # fmt: skip
    third = rasterio.open(tmp_path / "applied" / "units.tif").read(1)
    np.testing.assert_array_equal(first, third)
    applied = json.loads((tmp_path / "applied" / "metrics.json").read_text())
    assert applied["illumination"]["scenes"][0]["bands"] == facts["scenes"][0]["bands"]
    assert main(["apply", str(tmp_path / "out"), scene, "-o", str(tmp_path / "plain"), "-q"]) == 0
    notes = json.loads((tmp_path / "plain" / "metrics.json").read_text())["notes"]
    assert any("give --dem" in n for n in notes)


def test_cuestas_are_warned_of(tmp_path):
    """Ridges of one bed on the dip slope and another on the scarp, across the light."""
    import outcrop

    shape = (96, 96)
    y, _ = np.mgrid[: shape[0], : shape[1]]
    cycle = (y % 24) / 24
    ground = 240.0 * np.where(cycle < 0.7, cycle / 0.7, (1 - cycle) / 0.3)
    sun = Sun(90.0, 50.0)
    dem = write(tmp_path / "dem.tif", ground.astype("f4"))
    rock = (cycle < 0.7).astype("f4")
    rng = np.random.default_rng(0)
    data = np.stack([0.2 + 0.1 * rock, 0.3 + 0.02 * rock, 0.4 - 0.1 * rock])
    scene = write(tmp_path / "scene.tif", (data + rng.normal(0, 0.005, data.shape)).astype("f4"))
    cube = outcrop.open_scene(scene, scale=1, offset=0)
    result = outcrop.map_units(
        cube, out=tmp_path / "out", units=2, dem=dem, sun=(sun.azimuth, sun.elevation)
    )
    assert any("beds dip one way" in n for n in result.notes)
    assert result.metrics["illumination"]["after"]["aspect_share"] > 0.5


@pytest.mark.parametrize(("more", "match"), [
    ((), "nothing says where the sun stood"),
    (("--sun-azimuth", "70"), "belong together"),
    (("--sun-azimuth", "70", "--sun-elevation", "120"), "--sun-elevation 120"),
    (("--sun-azimuth", "70", "--sun-elevation", "40", "--illumination", "x"), "known: auto, c"),
])  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, capsys, more, match):
    _, dem, _ = lit_scene(tmp_path, hills(), Sun(70.0, 45.0))
    assert run_map(tmp_path, "--dem", dem, *more) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert match in said[0]
    assert not (tmp_path / "out").exists()


def test_a_product_that_is_corrected_already_is_left_and_says_so(tmp_path):
    import dataclasses

    import safe

    recipe = load_recipe()
    source = open_source(str(safe.product(tmp_path)))
    recipe = dataclasses.replace(
        recipe, input=Input(dem="dem.tif", sun_azimuth=100.0, sun_elevation=40.0)
    )
    kept = without_relief(source, recipe)
    window = Window(0, 0, 10, 10)
    np.testing.assert_array_equal(kept.read(window), source.read(window))
    assert any("corrected for relief already" in n for n in notes_of(kept))
    forced = dataclasses.replace(
        recipe, preprocess=dataclasses.replace(recipe.preprocess, illumination="c")
    )
    with pytest.raises(SceneError, match="does not exist"):
        without_relief(source, forced)


def test_suns_within_one_source_must_be_close(tmp_path):
    import dataclasses

    from outcrop.quality import QualitySource

    scene, dem, _ = lit_scene(tmp_path, hills(), Sun(70.0, 45.0))
    plain = open_source(scene)
    recipe = dataclasses.replace(load_recipe(), input=Input(dem=dem))
    near = QualitySource(QualitySource(plain, sun=Sun(359.5, 40.0)), sun=Sun(1.5, 41.0))
    facts = without_relief(near, recipe).facts
    assert (facts["sun_azimuth"], facts["sun_elevation"]) == pytest.approx((0.5, 40.5))
    apart = QualitySource(QualitySource(plain, sun=Sun(100.0, 40.0)), sun=Sun(120.0, 41.0))
    with pytest.raises(SceneError, match="under different suns"):
        without_relief(apart, recipe)


# --- several dates ----------------------------------------------------------------------------


def dates(tmp_path, suns, skies, **more):
    """The same two rocks under several suns: Landsat products, elevation model, truth."""
    import rasterio

    import landsat

    folders = []
    for i, (sun, sky) in enumerate(zip(suns, skies, strict=True)):
        folder = tmp_path / f"date{i}"
        content = landsat.groups()
        content["IMAGE_ATTRIBUTES"] |= {
            "SUN_AZIMUTH": str(sun.azimuth), "SUN_ELEVATION": str(sun.elevation)
        }  # fmt: skip
        product = landsat.product(folder, SHAPE, content=content, **more)
        scene, dem, flat = lit_scene(tmp_path, hills(), sun, sky=sky)
        with rasterio.open(scene) as lit:
            data = lit.read()
        for band, k in ((4, 0), (5, 1), (6, 2)):
            stored = np.round((data[k] + 0.2) / 2.75e-5)
            write(product / f"{landsat.ID}_SR_B{band}.TIF", stored.astype("u2"), nodata=0)
        folders.append(str(product))
    return folders, dem, flat


@pytest.mark.parametrize("composite", ["first", "median"])
def test_each_date_is_corrected_under_its_own_sun(tmp_path, composite):
    import dataclasses

    from outcrop.opening import open_sources

    suns = (Sun(70.0, 45.0), Sun(150.0, 60.0), Sun(60.0, 50.0))
    scenes, dem, flat = dates(tmp_path, suns, (0.2, 0.4, 0.3))
    bands = ("B4", "B5", "B6")
    recipe = dataclasses.replace(
        load_recipe(), input=Input(dem=dem, bands=bands, composite=composite)
    )
    source = open_sources(scenes, recipe.input, light=lambda s: without_relief(s, recipe))
    lits = lit_parts(source)
    assert [lit.light.sun for lit in lits] == list(suns)
    for lit, sky in zip(lits, (0.2, 0.4, 0.3), strict=True):
        assert lit.coefficients == pytest.approx((sky,) * 3, abs=0.08)
    window = Window(2, 2, 56, 76)
    wrong = [
        np.nanmedian(np.abs(s.read(window) - flat[:, 2:-2, 2:-2]) / flat[:, 2:-2, 2:-2])
        for s in (source, unlit(source))
    ]
    assert wrong[0] < 0.01 < 0.03 < wrong[1]


def test_coefficients_are_of_the_area_and_scenes_outside_it_are_left(tmp_path):
    import dataclasses

    import geopandas
    from shapely.geometry import box

    sun = Sun(70.0, 45.0)
    scene, dem, _ = lit_scene(tmp_path, hills(), sun)
    left = box(600000, 6600000 - 30 * 60, 600000 + 30 * 40, 6600000)
    area = str(tmp_path / "area.gpkg")
    geopandas.GeoDataFrame(geometry=[left], crs=UTM).to_file(area)
    # Only the area has heights.
    ground = hills()
    ground[:, 42:] = -9999
    write(tmp_path / "dem.tif", ground, nodata=-9999)
    given = Input(scale=1.0, offset=0.0, dem=dem, aoi=area, sun_azimuth=70.0, sun_elevation=45.0)
    recipe = dataclasses.replace(load_recipe(), input=given)
    whole = open_source(scene, dataclasses.replace(given, aoi=None))
    source = without_relief(whole, recipe)
    assert source.grid == whole.grid
    assert source.facts["dem_share"] == 1
    assert not any("has heights under" in n for n in notes_of(source))
    away = write(tmp_path / "away.tif", np.ones((3, 9, 9), "f4"), origin=(700000.0, 6600000.0))
    other = open_source(away)
    assert without_relief(other, recipe) is other


def test_a_date_of_clouds_is_left_and_named(tmp_path):
    """Two products through the command line, one of them under clouds."""
    import json

    import landsat
    from outcrop.__main__ import main

    suns = (Sun(70.0, 45.0), Sun(150.0, 60.0))
    scenes, dem, _ = dates(tmp_path, suns, (0.2, 0.4))
    qa = np.full(SHAPE, landsat.CLOUD, "u2")
    write(f"{scenes[1]}/{landsat.ID}_QA_PIXEL.TIF", qa)
    out = tmp_path / "out"
    given = ("--bands", "B4,B5,B6", "--units", "2", "--sample", "3000", "--dem", dem, "-q")
    assert main(["map", *scenes, "-o", str(out), "--composite", "median", *given]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    facts = metrics["illumination"]
    assert [(s["sun_azimuth"], s["sun_elevation"]) for s in facts["scenes"]] == [
        (70, 45),
        (150, 60),
    ]
    assert all(b["coefficient"] is None for b in facts["scenes"][1]["bands"])
    assert any("no clear pixel of it is in direct sun" in n for n in metrics["notes"])
    assert "azimuth 150.0°" in (out / "report.html").read_text()
    assert facts["after"]["illumination"] < facts["before"]["illumination"]


@pytest.mark.real_data
def test_the_light_on_zion_comes_from_the_south_east(data):
    from outcrop.sample import draw

    zion = data / "zion"
    names = ",".join(str(zion / f"landsat_b{i}.tif") for i in (4, 5))
    source = open_source(names, Input(sensor="landsat8", bands=("B4", "B5")))
    heights = open_heights(str(zion / "srtm.tif"), source.grid, "zion")
    sample = draw([source], 5000)
    found = {}
    for azimuth in (50.0, 140.0, 230.0, 320.0):
        light = Light(heights, Sun(azimuth, 50.0), 3000.0, 0).at(sample.positions[:, 1:])
        known = np.isfinite(light).all(axis=1)
        found[azimuth] = np.corrcoef(light[known, 0], sample.rows[known, 1])[0, 1]
    assert max(found, key=found.get) == 140.0
    assert found[140.0] > 0.4
