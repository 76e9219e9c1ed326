"""Scenes of the proving ground: their laws, light, detectors, and that they can be made again."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from outcrop.errors import InputError
from outcrop.sensors import get_sensor
from outcrop.simulate.detector import detect, noise_at, sunlight
from outcrop.simulate.ground import RELIEF, simulate_ground
from outcrop.simulate.law import Law, UnitLaw, read_law
from outcrop.simulate.light import cast_shadow, haze, light_by_band
from outcrop.simulate.views import simulate_views
from rasters import write

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("OUTCROP_DATA", ROOT.parent / "shared" / "data"))
SCENES = sorted((ROOT / "benchmarks" / "ground").glob("*.toml"))

needs_data = pytest.mark.skipif(
    not (DATA / RELIEF).is_file(), reason=f"no elevation model {RELIEF} in OUTCROP_DATA"
)


@pytest.fixture
def law() -> Law:
    units = (
        UnitLaw("sandstone", "quartz sandstone", second={"share": 0.4, "level": 0.3}),
        UnitLaw("basalt", "basalt", coats={"varnish": (0.3, 1.0)}),
        UnitLaw("sand", "sand plain", labelled=False),
    )
    return Law(
        "small", "development", "landsat8", 3, units, layout="province", shape=(64, 64),
        labelled=0.6,
    )  # fmt: skip


def test_the_scenes_differ_between_the_halves() -> None:
    laws = [read_law(path) for path in SCENES]
    assert len(laws) >= 12
    assert {law.sensor for law in laws} == {"landsat8", "sentinel2", "aster"}
    halves = {half: [law for law in laws if law.half == half] for half in ("development", "test")}
    assert all(len(found) >= 6 for found in halves.values())
    assert len(laws) == len({law.seed for law in laws}) == sum(map(len, halves.values()))
    assert max(len(law.units) for law in laws) >= 20
    assert max(max(law.shape) for law in laws) <= 260


@needs_data
def test_the_same_law_gives_the_same_scene(law: Law) -> None:
    first, again, other = (simulate_ground(law, DATA, r) for r in (0, 0, 1))
    np.testing.assert_array_equal(first.reflectance, again.reflectance)
    np.testing.assert_array_equal(first.truth, other.truth)
    np.testing.assert_array_equal(first.elevation, other.elevation)
    assert not np.allclose(first.reflectance, other.reflectance, atol=0.01)


@needs_data
def test_labels_leave_ground_out(law: Law) -> None:
    part = simulate_ground(law, DATA).truth
    whole = simulate_ground(dataclasses.replace(law, labelled=1.0), DATA)
    assert whole.unit_names == ("sandstone", "basalt")
    assert set(np.unique(part)) == {0, 1, 2}
    assert 0 < (part > 0).sum() < 0.75 * (whole.truth > 0).sum()
    assert (part[part > 0] == whole.truth[part > 0]).all()


@needs_data
def test_a_scene_that_reaches_beyond_the_relief_is_refused(law: Law) -> None:
    with pytest.raises(InputError, match="reach beyond"):
        simulate_ground(dataclasses.replace(law, dem=(450, 450)), DATA)


def test_sensors_see_the_same_ground(law: Law, tmp_path: Path) -> None:
    codes = np.kron(np.array([[0, 1], [16, 0]], np.uint8), np.ones((30, 30), np.uint8))
    geology = Path(write(tmp_path / "rock.tif", codes, pixel=15.0))
    window = (0, 0, 60, 60)
    views = simulate_views(law, geology, window, {"landsat8": 30.0, "sentinel2": 10.0})
    landsat, sentinel = views["landsat8"], views["sentinel2"]
    assert landsat.unit_names == sentinel.unit_names
    # The law has three units: code 16 is the second, as code 1 is, and takes the next one free.
    assert landsat.unit_names == ("sandstone", "basalt", "sand")
    coarse = sentinel.reflectance[2].reshape(30, 3, 30, 3).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), landsat.reflectance[2].ravel())[0, 1] > 0.95
    np.testing.assert_allclose(
        sentinel.elevation.reshape(30, 3, 30, 3).mean(axis=(1, 3)), landsat.elevation, rtol=1e-4
    )
    assert (sentinel.truth[1::3, 1::3] == landsat.truth).all()
    assert landsat.transform == (30.0, 0.0, 600000.0, 0.0, -30.0, 6600000.0)
    again = simulate_views(
        law, geology, window, {"landsat8": 30.0, "sentinel2": 10.0}, realisation=1
    )
    np.testing.assert_array_equal(again["landsat8"].truth, landsat.truth)
    assert not np.allclose(again["landsat8"].reflectance, landsat.reflectance, atol=0.01)
    with pytest.raises(InputError, match="a multiple"):
        simulate_views(law, geology, window, {"landsat8": 28.0})


def test_missing_relief_is_named(law: Law, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"srtm\.tif"):
        simulate_ground(law, tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("half = 1\nsensr = 2", "sensr"),
        ("half = ", "not TOML"),
        ('half = "test"', "does not say sensor, seed"),
        ('half="test"\nsensor="aster"\nseed=1\nlayout="flat"', "flat"),
        ('half="test"\nsensor="aster"\nseed=1\n[[units]]\nname="a"\nrock="b"\n'
         '[[units]]\nname="c"\nrock="basalt"', "unit a"),
        ('half="test"\nsensor="aster"\nseed=1\n[[units]]\nname="a"\nrock="basalt"', "2 or more"),
    ],
)  # fmt: skip
def test_bad_laws(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_law(path)


def test_sunlight_is_that_of_the_sun() -> None:
    # A black body is within a fifth of the measured 1.85, 0.97 and 0.245 kW/m2/um.
    assert sunlight(0.56) == pytest.approx(1850, rel=0.2)
    assert sunlight(0.865) == pytest.approx(970, rel=0.2)
    assert sunlight(1.61) == pytest.approx(245, rel=0.2)


def test_noise_is_the_published_one() -> None:
    bands = {b.name: b for b in get_sensor("landsat8").default_bands}
    band = bands["B6"]
    at_reference = np.float32(np.pi * 4.0 / sunlight(band.wavelength_um))
    noise = noise_at("landsat8", band, np.array([at_reference]), 90.0)
    assert float(at_reference / noise[0]) == pytest.approx(100.0, rel=1e-3)
    with pytest.raises(InputError, match="no published noise"):
        noise_at("emit", band, np.array([at_reference]), 90.0)


def test_coarse_bands_lie_on_their_own_grid_and_dead_detectors_are_filled() -> None:
    bands = get_sensor("sentinel2").default_bands
    rng = np.random.default_rng(0)
    cube = rng.uniform(0.1, 0.5, (len(bands), 64, 64)).astype(np.float32)
    fine = cube.copy()
    detect(np.random.default_rng(1), cube, "sentinel2", bands, 10.0, 50.0, dead=3)
    rough = {b.name: float(np.diff(p).std()) for b, p in zip(bands, cube, strict=True)}
    assert rough["B11"] < 0.6 * rough["B02"]
    blue = cube[[b.name for b in bands].index("B02")]
    assert (np.diff(blue, axis=1) == 0).all(axis=0).sum() == 3
    assert abs(float(cube.mean() - fine.mean())) < 0.01


def test_a_wall_casts_a_shadow_away_from_the_sun() -> None:
    ground = np.zeros((40, 40), dtype=np.float32)
    ground[:, 20] = 100.0
    lit = cast_shadow(ground, 10.0, (45.0, 90.0))  # the sun stands in the east
    assert lit[20, 12] < 0.1
    assert lit[20, 5] > 0.9
    assert lit[20, 30] > 0.9


def test_shadows_are_blue_and_flat_ground_is_lit_as_flat() -> None:
    flat = np.zeros((16, 16), dtype=np.float32)
    np.testing.assert_allclose(light_by_band(flat, 10.0, (45.0, 90.0), [0.48, 1.6]), 1.0, rtol=0.02)
    ground = np.zeros((40, 40), dtype=np.float32)
    ground[:, 20] = 100.0
    blue, short = light_by_band(ground, 10.0, (45.0, 90.0), [0.48, 2.2])
    assert blue[20, 12] > 3 * short[20, 12]


def test_haze_falls_with_wavelength() -> None:
    air = haze(np.random.default_rng(0), (32, 32), [0.48, 0.96], 0.02)
    assert air[0].max() == pytest.approx(0.02)
    np.testing.assert_allclose(air[1], air[0] / 4, rtol=1e-5)
