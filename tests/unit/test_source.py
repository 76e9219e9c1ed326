import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio

from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source, open_sources
from outcrop.source import Window, notes_of
from rasters import UTM, write


def cut_off(path, share):
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: int(len(whole) * share)])


def read_all(source):
    return source.read(Window(0, 0, *source.grid.shape))


@pytest.fixture
def stack(tmp_path):
    data = np.arange(6 * 20 * 30, dtype=np.uint16).reshape(6, 20, 30)
    return write(tmp_path / "a.tif", data), data


@pytest.mark.real_data
def test_what_gdal_thinks_of_a_file_is_not_on_the_screen(data, capfd):
    source = open_source(str(data / "playa" / "Playa_Image.tif"), Input(sensor="landsat8"))
    assert np.isfinite(source.read(Window(0, 0, 9, 9))).all()
    assert capfd.readouterr() == ("", "")


def test_window_is_what_is_stored(stack):
    path, data = stack
    source = open_source(path)
    got = source.read(Window(3, 5, 7, 11))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, data[:, 3:10, 5:16])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_nodata_tag_becomes_nan_and_is_not_scaled(tmp_path, dtype):
    data = np.full((2, 4, 5), 7, dtype)
    data[0, 1, 2] = 3
    path = write(tmp_path / "a.tif", data, nodata=3, scale=0.5, offset=1.0)
    got = read_all(open_source(path))
    assert np.isnan(got[0, 1, 2])
    assert np.isnan(got).sum() == 1
    assert got[1, 1, 2] == 4.5


def test_nodata_option_overrides_the_tag(tmp_path):
    path = write(tmp_path / "a.tif", np.array([[[0, 1, 2]], [[0, 1, 2]]], "u1"), nodata=1)
    got = read_all(open_source(path, Input(nodata=2)))
    np.testing.assert_array_equal(np.isnan(got[0, 0]), [False, False, True])


def test_infinities_are_no_data(tmp_path):
    data = np.ones((2, 2, 2), "f4")
    data[0, 0, 0], data[1, 1, 1] = np.inf, -np.inf
    got = read_all(open_source(write(tmp_path / "a.tif", data)))
    assert np.isnan(got).sum() == 2


def test_internal_mask_is_no_data(tmp_path):
    import rasterio

    path = write(tmp_path / "a.tif", np.ones((2, 3, 3), "u2"))
    with rasterio.open(path, "r+") as dataset:
        mask = np.full((3, 3), 255, "u1")
        mask[0] = 0
        dataset.write_mask(mask)
    got = read_all(open_source(path))
    assert np.isnan(got[:, 0]).all()
    assert np.isfinite(got[:, 1:]).all()


def test_scale_makes_reflectance_and_no_scale_leaves_it_unknown(stack):
    path, data = stack
    plain = open_source(path)
    assert {b.quantity for b in plain.bands} == {"unknown"}
    scaled = open_source(path, Input(scale=1e-4, offset=-0.1))
    assert {b.quantity for b in scaled.bands} == {"reflectance"}
    np.testing.assert_allclose(read_all(scaled), data * 1e-4 - 0.1, atol=1e-7)


def test_scale_zero_is_refused(stack):
    with pytest.raises(SceneError, match="--scale 0"):
        open_source(stack[0], Input(scale=0))


def test_band_files_make_one_scene_in_their_order(tmp_path):
    paths = [
        write(tmp_path / f"LC08_{n}.tif", np.full((3, 4), v, "u2"))
        for n, v in (("B5", 5), ("B4", 4))
    ]
    source = open_source(",".join(paths), Input(sensor="landsat8"))
    assert [b.name for b in source.bands] == ["B5", "B4"]
    assert read_all(source)[:, 0, 0].tolist() == [5, 4]


@pytest.mark.parametrize(("size", "shape"), [(None, (4, 6)), (10.0, (8, 12)), (40.0, (2, 3))])
def test_band_files_of_several_resolutions_meet(tmp_path, size, shape):
    rng = np.random.default_rng(0)
    fine, coarse = rng.integers(1, 999, (8, 12), "u2"), rng.integers(1, 999, (4, 6), "u2")
    fine[0, 0] = 0
    paths = [
        write(tmp_path / "B02.tif", fine, pixel=10.0, nodata=0),
        write(tmp_path / "B11.tif", coarse, pixel=20.0, nodata=0),
    ]
    source = open_source(",".join(paths), Input(sensor="sentinel2", resolution=size, scale=0.5))
    assert [b.name for b in source.bands] == ["B02", "B11"]
    assert source.grid.shape == shape
    data = read_all(source)
    assert np.isnan(data[0, 0, 0])
    sent = pickle.loads(pickle.dumps(source))
    for window in (Window(0, 0, 1, 2), Window(1, 1, shape[0] - 1, shape[1] - 2)):
        np.testing.assert_array_equal(sent.read(window), data[:, *window.slices])
    if size is None:
        parts = fine.reshape(4, 2, 6, 2).mean((1, 3)) / 2
        np.testing.assert_allclose(data[0].flat[1:], parts.flat[1:], rtol=1e-6)
        np.testing.assert_array_equal(data[1], coarse / np.float32(2))
    said = [n for n in notes_of(source) if "B11 are coarser than 10 m" in n]
    assert len(said) == (size == 10.0)


def test_band_files_on_other_grids_are_refused(tmp_path):
    a = write(tmp_path / "a.tif", np.ones((3, 4), "u2"))
    b = write(tmp_path / "b.tif", np.ones((3, 4), "u2"), pixel=15.0)
    with pytest.raises(SceneError, match="not on one grid"):
        open_source(f"{a},{b}")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.write_text("no raster"), "cannot be opened as a raster"),
        (lambda p: p.write_bytes(b""), "cannot be opened as a raster"),
        (lambda p: p.mkdir(), "is a folder"),
    ],
)
def test_what_is_no_raster_is_refused(tmp_path, make, says):
    path = tmp_path / "x.tif"
    make(path)
    with pytest.raises(SceneError, match=says):
        open_source(str(path))


def test_truncated_data_names_file_and_rows(tmp_path):
    rng = np.random.default_rng(0)
    path = write(tmp_path / "a.tif", rng.integers(0, 9999, (3, 600, 600)).astype("u2"),
                 compress="deflate", tiled=True, blockxsize=128, blockysize=128)  # fmt: skip
    cut_off(path, 2 / 3)
    with pytest.raises(SceneError, match=r"a\.tif.*(truncated|cannot be opened)"):
        read_all(open_source(path))


def test_truncated_plain_tiff_is_refused(tmp_path):
    path = write(tmp_path / "a.tif", np.ones((3, 600, 600), "u2"))
    cut_off(path, 2 / 3)
    with pytest.raises(SceneError, match=r"a\.tif.*truncated"):
        read_all(open_source(path))


def test_truncated_envi_is_refused(tmp_path):
    path = write(tmp_path / "a.img", np.ones((3, 50, 50), "u2"), driver="ENVI")
    cut_off(path, 1 / 2)
    with pytest.raises(SceneError, match="truncated"):
        read_all(open_source(path))


def test_source_survives_pickling(stack):
    path, data = stack
    source = open_source(path)
    source.read(Window(0, 0, 2, 2))  # an open handle must not travel
    again = pickle.loads(pickle.dumps(source))
    assert again == source
    np.testing.assert_array_equal(read_all(again), data)


def test_mosaic_shows_the_first_scene_on_top_and_fills_from_the_next(tmp_path):
    one = np.full((2, 4, 4), 1, "i2")
    one[:, 0, 0] = -1
    a = write(tmp_path / "a.tif", one, nodata=-1)
    b = write(tmp_path / "b.tif", np.full((2, 4, 4), 2, "i2"), nodata=-1,
              origin=(600000.0 + 60, 6600000.0 + 30))  # fmt: skip
    source = open_sources([a, b])
    got = read_all(source)[0]
    assert source.grid.shape == (5, 6)
    assert (source.grid.affine.c, source.grid.affine.f) == (600000.0, 6600030.0)
    expected = np.full((5, 6), np.nan)
    expected[0:4, 2:6] = 2
    expected[1:5, 0:4] = 1
    expected[1, 0] = np.nan
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(source.read(Window(1, 2, 3, 3))[0], expected[1:4, 2:5])


def test_scenes_of_shifted_pixels_meet_on_the_first_ones_grid(tmp_path):
    a = write(tmp_path / "a.tif", np.ones((2, 4, 4), "u1"))
    b = write(tmp_path / "b.tif", np.ones((2, 4, 4), "u1"), origin=(600010.0, 6600000.0))
    source = open_sources([a, b])
    assert source.grid.affine == open_source(a).grid.affine
    assert source.grid.shape == (4, 5)
    assert any("interpolated (bilinear)" in n for n in notes_of(source))


def test_a_raster_placed_by_control_points_is_warped_when_a_crs_is_given(tmp_path):
    from rasterio.control import GroundControlPoint

    path = tmp_path / "gcps.tif"
    corners = [(0, 0), (0, 20), (20, 0), (20, 20), (10, 10)]
    points = [GroundControlPoint(r, c, 600000 + 30 * c, 6600000 - 30 * r) for r, c in corners]
    data = np.random.default_rng(0).integers(1, 99, (2, 20, 20)).astype("u1")
    with rasterio.open(path, "w", driver="GTiff", count=2, height=20, width=20, dtype="uint8",
                       gcps=points, crs=UTM) as dataset:  # fmt: skip
        dataset.write(data)
    assert open_source(str(path)).grid.crs is None
    source = open_source(str(path), Input(crs=UTM))
    assert source.grid.shape == (20, 20)
    assert source.grid.affine.c == 600000
    np.testing.assert_allclose(read_all(source), data, atol=1e-3)
    assert any("5 ground control points" in n for n in notes_of(source))


@pytest.mark.real_data
def test_envi_scene_brings_its_wavelengths(data):
    source = open_source(str(data / "canon_city_tm" / "can_tmr.img"))
    assert [b.wavelength_um for b in source.bands] == [0.485, 0.56, 0.66, 0.83, 1.65, 2.215]
    assert source.grid.crs is None
    assert source.grid.shape == (400, 640)
    assert source.striped


def test_a_true_alpha_band_is_a_mask_and_no_band(tmp_path):
    data = np.full((4, 20, 20), 50, "u1")
    data[3] = 255
    data[3, :5] = 0
    source = open_source(write(tmp_path / "rgba.tif", data))
    assert len(source.bands) == 3
    missing = np.isnan(read_all(source)).all(axis=0)
    np.testing.assert_array_equal(missing, data[3] == 0)


def test_a_fourth_band_that_looks_like_alpha_is_a_band(tmp_path):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 200, (4, 20, 20)).astype("u1")
    source = open_source(write(tmp_path / "nir.tif", data))
    np.testing.assert_array_equal(read_all(source), data)


def test_json_without_its_suffix_is_no_raster(tmp_path):
    item = tmp_path / "S2A_33TWN_20161202_0_L2A"
    item.write_text('{"type":"Feature","stac_version":"1.0.0"}')
    with pytest.raises(SceneError, match=r"name it S2A_33TWN_20161202_0_L2A\.json"):
        open_source(str(item))
