"""Simulated scenes: shape, truth, reproducibility, files."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from scipy import ndimage

from outcrop.errors import InputError, OutputError, RecipeError
from outcrop.sensors import SENSORS, get_sensor
from outcrop.simulate import SimulatedScene, simulate_from_map, simulate_scene, write_scene
from outcrop.simulate.surface import mixing_reach

SMALL = (64, 80)
DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def demo() -> SimulatedScene:
    return simulate_scene()


@pytest.fixture
def blocks() -> NDArray[np.uint8]:
    """Codes 0, 3 and 9 in stripes, with a corner of 255."""
    codes = np.zeros((40, 60), dtype=np.uint8)
    codes[:, 20:] = 3
    codes[:, 40:] = 9
    codes[:6, :7] = 255
    return codes


def write_map(path: Path, codes: NDArray[np.generic], **profile: object) -> Path:
    settings = {
        "driver": "GTiff",
        "height": codes.shape[0],
        "width": codes.shape[1],
        "count": 1,
        "dtype": codes.dtype,
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(30, 0, 500000, 0, -30, 4600000),
        **profile,
    }
    with rasterio.open(path, "w", **settings) as sink:
        sink.write(codes, 1)
    return path


def test_the_demo_scene(demo: SimulatedScene) -> None:
    assert demo.reflectance.shape == (6, 384, 512)
    assert demo.reflectance.dtype == np.float32
    assert demo.truth.shape == (384, 512)
    assert demo.truth.dtype == np.uint8
    share = np.bincount(demo.truth.ravel(), minlength=8) / demo.truth.size
    assert share[0] == 0
    assert (share[1:] > 0.02).all()
    assert (share[1:] < 0.4).all()
    assert len(demo.unit_names) == len(set(demo.unit_names)) == 7
    assert [b.name for b in demo.bands] == ["B2", "B3", "B4", "B5", "B6", "B7"]
    assert {b.quantity for b in demo.bands} == {"reflectance"}
    assert demo.spectra.shape == (7, 6)
    assert demo.reflectance.min() > 0
    assert demo.reflectance.max() < 1


def test_units_are_told_apart_by_a_supervised_rule_but_not_trivially(demo: SimulatedScene) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    pixels = demo.reflectance.reshape(6, -1).T[::7]
    units = demo.truth.ravel()[::7]
    rule = LinearDiscriminantAnalysis().fit(pixels[::2], units[::2])
    assert 0.75 < rule.score(pixels[1::2], units[1::2]) < 0.95


def test_no_band_follows_from_the_others(demo: SimulatedScene) -> None:
    for unit in range(1, 8):
        spread = np.linalg.eigvalsh(np.cov(demo.reflectance[:, demo.truth == unit]))
        assert spread[0] > 1e-6


def test_plants_grow_along_streams(demo: SimulatedScene) -> None:
    cover = demo.vegetation + demo.dry_grass
    assert cover.max() < 1
    assert float(cover.mean()) == pytest.approx(0.12, abs=0.01)
    alluvium = demo.truth == demo.unit_names.index("alluvium") + 1
    assert demo.vegetation[alluvium].mean() > 2 * demo.vegetation[~alluvium].mean()
    red, nir = demo.reflectance[2], demo.reflectance[3]
    ndvi = (nir - red) / (nir + red)
    assert ndvi[demo.vegetation > 0.5].mean() > ndvi[demo.vegetation < 0.02].mean() + 0.15


def test_mixing_only_near_contacts(demo: SimulatedScene) -> None:
    size = 2 * mixing_reach(30.0) + 1
    truth = demo.truth
    inside = ndimage.minimum_filter(truth, size) == ndimage.maximum_filter(truth, size)
    assert inside.any()
    assert demo.purity[inside].min() > 0.9999
    assert demo.purity[~inside].min() < 0.8


@pytest.mark.parametrize("sensor", list(SENSORS))
def test_every_sensor(sensor: str) -> None:
    scene = simulate_scene(sensor, shape=SMALL)
    assert scene.reflectance.shape == (len(get_sensor(sensor).default), *SMALL)
    assert np.isfinite(scene.reflectance).all()


@pytest.mark.parametrize("units", [2, 3, 4, 15])
@pytest.mark.parametrize("shape", [(32, 32), (40, 200), (200, 150)])
def test_every_unit_is_on_the_map(units: int, shape: tuple[int, int]) -> None:
    scene = simulate_scene(shape=shape, units=units, seed=units)
    assert set(np.unique(scene.truth)) == set(range(1, units + 1))
    assert len(scene.unit_names) == units


def test_the_seed_fixes_all() -> None:
    one, same = (simulate_scene(shape=SMALL, seed=5) for _ in range(2))
    other = simulate_scene(shape=SMALL, seed=6)
    np.testing.assert_array_equal(one.reflectance, same.reflectance)
    np.testing.assert_array_equal(one.truth, same.truth)
    assert (one.truth != other.truth).any()
    assert not np.allclose(one.reflectance, other.reflectance)


def test_sensors_see_the_same_ground() -> None:
    one = simulate_scene("landsat8", shape=SMALL, seed=2)
    other = simulate_scene("aster", shape=SMALL, seed=2)
    for name in ("truth", "elevation", "vegetation", "illumination"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_shading_leaves_band_ratios_alone() -> None:
    # At 100 m a pixel is larger than the point spread, and nothing but light differs.
    morning, noon = (
        simulate_scene(shape=SMALL, pixel_size=100.0, noise=0.0, sun=sun)
        for sun in ((35.0, 80.0), (75.0, 0.0))
    )
    change = morning.reflectance / noon.reflectance
    assert change.std() > 0.01
    np.testing.assert_allclose(change, change[:1].repeat(6, axis=0), rtol=1e-4)
    np.testing.assert_allclose(change[0], morning.illumination / noon.illumination, rtol=1e-4)


def test_point_spread_and_noise_do_what_they_say() -> None:
    quiet = simulate_scene(shape=SMALL, noise=0.0)
    noisy = simulate_scene(shape=SMALL, noise=0.01)
    added = (noisy.reflectance - quiet.reflectance).std(axis=(1, 2))
    assert added[1] == pytest.approx(0.01, rel=0.1)  # 0.057 um at 0.561 um
    fine = simulate_scene("sentinel2", shape=SMALL, pixel_size=10.0, noise=0.0)
    rough = np.abs(np.diff(np.log(fine.reflectance), axis=1)).mean(axis=(1, 2))
    names = [b.name for b in fine.bands]
    assert rough[names.index("B8A")] < 0.8 * rough[names.index("B08")]  # 20 m against 10 m


def test_a_given_map_is_the_truth(blocks: NDArray[np.uint8]) -> None:
    scene = simulate_scene(geology=blocks, nodata=255)
    assert scene.reflectance.shape == (6, 40, 60)
    expected = np.select([blocks == 0, blocks == 3, blocks == 9], [1, 2, 3], 0)
    np.testing.assert_array_equal(scene.truth, expected)
    np.testing.assert_array_equal(np.isnan(scene.reflectance).all(axis=0), blocks == 255)
    np.testing.assert_array_equal(np.isnan(scene.reflectance).any(axis=0), blocks == 255)
    assert scene.unit_names == ("quartz sandstone (0)", "siltstone (3)", "sand plain (9)")


def test_a_given_map_without_nodata_has_a_unit_everywhere(blocks: NDArray[np.uint8]) -> None:
    rocks = ("limestone", "basalt", "alluvium", "marl")
    scene = simulate_scene(geology=blocks, lithologies=rocks)
    assert scene.truth.min() == 1
    assert scene.truth.max() == 4
    assert scene.unit_names[-1] == "marl (255)"
    assert np.isfinite(scene.reflectance).all()


def test_a_unit_is_the_same_rock_in_any_window(blocks: NDArray[np.uint8]) -> None:
    whole = simulate_scene(geology=blocks, nodata=255)
    part = simulate_scene(geology=blocks[:, 20:], nodata=255)
    assert part.unit_names == whole.unit_names[1:]
    np.testing.assert_array_equal(part.spectra, whole.spectra[1:])
    crowded = np.where(blocks == 3, 20, blocks)  # 20 lithologies: 20 comes round to 0
    assert simulate_scene(geology=crowded, nodata=255).unit_names[2] == "colluvium (20)"


def test_units_look_like_their_spectra(blocks: NDArray[np.uint8]) -> None:
    rocks = ("limestone", "basalt", "red sandstone")
    scene = simulate_scene(geology=blocks, nodata=255, lithologies=rocks, vegetation=0.0)
    for unit, expected in enumerate(scene.spectra, start=1):
        found = np.median(scene.reflectance[:, scene.truth == unit], axis=1)
        # Dust, debris and the unit's own unevenness move it, but not far.
        assert np.abs(np.log(found / expected)).max() < 0.45


def test_written_scene_reads_back(tmp_path: Path, blocks: NDArray[np.uint8]) -> None:
    scene = simulate_scene("aster", geology=blocks, nodata=255)
    scene_path, truth_path = write_scene(scene, tmp_path / "new" / "folder")
    assert sorted(p.name for p in scene_path.parent.iterdir()) == ["scene.tif", "truth.tif"]
    with rasterio.open(scene_path) as source:
        assert source.dtypes == ("uint16",) * 9
        assert source.nodata == 0
        assert source.scales == (0.0001,) * 9
        assert source.offsets == (0.0,) * 9
        assert source.descriptions == tuple(b.name for b in scene.bands)
        assert source.crs.to_epsg() == 32754
        assert tuple(source.transform)[:6] == scene.transform
        assert source.profile["compress"] == "deflate"
        assert source.block_shapes == [(512, 512)] * 9
        assert float(source.tags(1, ns="IMAGERY")["CENTRAL_WAVELENGTH_UM"]) == 0.556
        numbers = source.read()
    empty = np.isnan(scene.reflectance)
    np.testing.assert_array_equal(numbers == 0, empty)
    np.testing.assert_allclose(numbers[~empty] * 1e-4, scene.reflectance[~empty], atol=5.1e-5)
    with rasterio.open(truth_path) as source:
        assert source.nodata == 0
        assert tuple(source.transform)[:6] == scene.transform
        np.testing.assert_array_equal(source.read(1), scene.truth)
        assert source.tags(1)["UNIT_2"] == "siltstone (3)"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    scene = simulate_scene(shape=(32, 32))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file.*choose another"):
        write_scene(scene, tmp_path / "file")


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    scene = replace(simulate_scene(shape=(32, 32)), crs="EPSG:0")
    with pytest.raises(OutputError):
        write_scene(scene, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_from_map_takes_grid_and_nodata_from_the_raster(
    tmp_path: Path, blocks: NDArray[np.uint8]
) -> None:
    codes = blocks.repeat(2, axis=0).repeat(2, axis=1)[:79]  # an odd row at the end
    path = write_map(tmp_path / "map.tif", codes, nodata=255)
    scene = simulate_from_map(path, "landsat8", pixel_size=60.0)
    assert scene.truth.shape == (39, 60)
    assert scene.transform == (60.0, 0.0, 500000.0, 0.0, -60.0, 4600000.0)
    assert scene.crs == "EPSG:32633"
    expected = np.select([blocks == 0, blocks == 3, blocks == 9], [1, 2, 3], 0)
    np.testing.assert_array_equal(scene.truth, expected[:39])

    part = simulate_from_map(path, pixel_size=30.0, window=(10, 20, 40, 100))
    assert part.truth.shape == (40, 100)
    assert part.transform == (30.0, 0.0, 500600.0, 0.0, -30.0, 4599700.0)


def test_from_map_names_what_it_cannot_use(tmp_path: Path, blocks: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match=r"no map.*gone\.tif"):
        simulate_from_map(tmp_path / "gone.tif", "landsat8")
    text = tmp_path / "text.tif"
    text.write_text("no raster")
    with pytest.raises(InputError, match=r"text\.tif.*cannot be read"):
        simulate_from_map(text, "landsat8")
    with pytest.raises(InputError, match="float32"):
        simulate_from_map(write_map(tmp_path / "f.tif", blocks.astype(np.float32)))
    with pytest.raises(InputError, match="degrees"):
        simulate_from_map(write_map(tmp_path / "d.tif", blocks, crs="EPSG:4326"))
    path = write_map(tmp_path / "map.tif", blocks, nodata=255)
    with pytest.raises(InputError, match="not inside"):
        simulate_from_map(path, window=(0, 0, 41, 60))
    with pytest.raises(InputError, match="smaller pixels"):
        simulate_from_map(path, pixel_size=5000.0)
    with pytest.raises(InputError, match="20 x 30"):
        simulate_from_map(path, pixel_size=60.0)
    with pytest.raises(InputError, match="pixel_size"):
        simulate_from_map(path, pixel_size=0.0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"units": 1}, "units must be 2-15, got 1"),
        ({"units": 16}, "units must be 2-15, got 16"),
        ({"shape": (31, 400)}, "31 x 400 .* at least 32"),
        ({"noise": -0.1}, "noise must be .* got -0.1"),
        ({"vegetation": 0.9}, "vegetation must be"),
        ({"seed": -1}, "seed must be"),
        ({"pixel_size": 0.0}, "pixel_size must be"),
        ({"pixel_size": float("nan")}, "pixel_size must be"),
        ({"relief_m": -5.0}, "relief_m must be"),
        ({"sun": (0.0, 45.0)}, "sun elevation must be"),
        ({"lithologies": ["marl"]}, "pass geology"),
        ({"geology": np.ones((40, 40))}, "integers, got 2 dimensions of float64"),
        ({"geology": np.ones((3, 40, 40), dtype=int)}, "rows and columns"),
        ({"geology": np.ones((40, 40), dtype=int)}, "1 rock units"),
        ({"geology": np.ones((40, 40), dtype=int), "nodata": 1}, "0 rock units"),
        ({"geology": np.eye(40, dtype=int), "lithologies": ["marl"]}, "1 lithologies for 2"),
        ({"geology": np.arange(1600).reshape(40, 40) % 30}, "30 rock units and there are"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_scene(**settings)  # type: ignore[arg-type]


def test_an_unknown_sensor_is_named() -> None:
    with pytest.raises(RecipeError, match="did you mean 'landsat8'"):
        simulate_scene("landsat88")


def test_importing_outcrop_leaves_it_alone() -> None:
    code = "import sys, outcrop; sys.exit('outcrop.simulate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.real_data
def test_mutawintji() -> None:
    path = DATA / "mutawintji" / "Wilcannia_RockUnits_30m.tif"
    if not path.is_file():
        pytest.skip(f"the rock units of Mutawintji are not at {path}; set OUTCROP_DATA")
    scene = simulate_from_map(path, "landsat8", pixel_size=60.0, window=(200, 400, 800, 800))
    assert scene.crs == "EPSG:32754"
    assert scene.truth.shape == (400, 400)
    with rasterio.open(path) as source:
        codes = source.read(1)[200:1000, 400:1200]
    # 0 is a unit, and number 1 of the scene.
    assert (scene.truth == 1).mean() == pytest.approx((codes == 0).mean(), abs=0.01)
    assert scene.truth.min() == 1
    assert "alluvium (4)" in scene.unit_names
    assert "feldspathic sandstone (8)" in scene.unit_names
