"""Sentinel-2 as ESA delivers it, built small in the real layout."""

import json
import pickle
import zipfile

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import Polygon
from shapely.geometry import box as box_of

import safe
from outcrop.__main__ import main
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.quality import Masks
from outcrop.reasons import CLOUD
from outcrop.sensors.container import Container
from outcrop.sensors.sentinel2_clouds import read_clouds
from outcrop.source import Window, file_paths, notes_of, products_of, read_reasons

DEFAULT = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]


def whole(source):
    return Window(0, 0, *source.grid.shape)


def stored(root, level, band):
    with rasterio.open(root / f"{safe.image(level, band, safe.NATIVE[band])}.jp2") as dataset:
        return dataset.read(1).astype("f4")


def halved(data):
    return (data[::2, ::2] + data[::2, 1::2] + data[1::2, ::2] + data[1::2, 1::2]) / 4


@pytest.mark.parametrize(
    ("level", "baseline", "offset"),
    [("L2A", "05.09", -1000), ("L2A", "02.11", 0), ("L1C", "04.00", -1000), ("L1C", "03.01", 0)],
)
def test_reflectance_by_the_metadata_on_the_20_m_grid(tmp_path, level, baseline, offset):
    root = safe.product(tmp_path, level, baseline)
    source = open_source(str(root))
    assert [b.name for b in source.bands] == DEFAULT
    assert source.grid.shape == (36, 30)
    assert source.grid.affine.a == 20
    assert source.name == safe.name(level, baseline)
    assert products_of(source) == (f"Sentinel-2 Level {level[1:]} (SAFE), baseline {baseline}",)
    data = source.read(whole(source))
    np.testing.assert_allclose(data[8], (stored(root, level, "B11") + offset) / 10000, rtol=1e-5)
    np.testing.assert_allclose(
        data[0], (halved(stored(root, level, "B02")) + offset) / 10000, rtol=1e-5
    )
    assert ("top of the atmosphere" in " ".join(notes_of(source))) == (level == "L1C")


def test_offsets_are_of_each_band_and_not_of_the_date(tmp_path):
    offsets = {i: -1000 - i for i in range(13)}
    root = safe.product(tmp_path, "L2A", "02.11", offsets=offsets, quantification="5000")
    data = open_source(str(root), Input(bands=("B8A", "B12"))).read(Window(0, 0, 36, 30))
    for plane, band, offset in zip(data, ("B8A", "B12"), (-1008, -1012), strict=True):
        np.testing.assert_allclose(plane, (stored(root, "L2A", band) + offset) / 5000, rtol=1e-5)


def test_10_m_on_request_says_what_is_interpolated(tmp_path):
    root = safe.product(tmp_path)
    source = open_source(str(root), Input(resolution=10))
    assert source.grid.shape == (72, 60)
    data = source.read(whole(source))
    np.testing.assert_allclose(data[0], (stored(root, "L2A", "B02") - 1000) / 10000, rtol=1e-5)
    (note,) = [n for n in notes_of(source) if "bilinear" in n]
    assert note.startswith("B05, B06, B07, B8A, B11, B12 are coarser than 10 m")
    assert not notes_of(open_source(str(root)))
    coarse = open_source(str(root), Input(resolution=60, bands=("B01", "B02", "B12")))
    assert coarse.grid.shape == (12, 10)
    b12 = (stored(root, "L2A", "B12") - 1000) / 10000
    got = coarse.read(whole(coarse))
    np.testing.assert_allclose(got[2], b12.reshape(12, 3, 10, 3).mean((1, 3)), rtol=1e-5)
    odd = open_source(str(root), Input(resolution=15))
    assert (odd.grid.affine.a, odd.base.grid.affine.a) == (15, 10)


@pytest.mark.parametrize("resolution", [10, 20, 60])
def test_windows_leave_no_seams(tmp_path, resolution):
    rng = np.random.default_rng(1)
    odd = {"B02": rng.integers(0, 3000, (72, 60)).astype("u2"),
           "B11": rng.integers(1, 3000, (36, 30)).astype("u2")}  # fmt: skip
    odd["B11"][3, 3], odd["B11"][7, 8] = 0, 65535
    scl = rng.integers(0, 12, (36, 30))
    root = safe.product(tmp_path, stored=odd, scl=scl)
    source = open_source(str(root), Input(resolution=resolution, bands=("B01", "B02", "B11")))
    expected, reasons = read_reasons(pickle.loads(pickle.dumps(source)), whole(source))
    rows, cols = source.grid.shape
    for size in (5, 7):
        got, why = np.zeros_like(expected), np.zeros_like(reasons)
        for row in range(0, rows, size):
            for col in range(0, cols, size):
                window = Window(row, col, min(size, rows - row), min(size, cols - col))
                got[:, *window.slices], why[window.slices] = read_reasons(source, window)
        assert got.tobytes() == expected.tobytes()
        np.testing.assert_array_equal(why, reasons)


def test_scene_classification(tmp_path):
    scl = np.full((36, 30), 5)
    scl[0, :12] = range(12)
    root = safe.product(tmp_path, scl=scl)
    data, reasons = read_reasons(open_source(str(root)), Window(0, 0, 2, 12))
    #                                        0  1  2  3  4  5  6  7  8  9  10 11
    np.testing.assert_array_equal(reasons[0], [2, 3, 0, 5, 0, 0, 0, 0, 4, 4, 4, 0])
    assert not reasons[1].any()
    np.testing.assert_array_equal(np.isnan(data).all(0), reasons > 0)
    more = Masks(("water", "snow"))
    _, reasons = read_reasons(open_source(str(root), None, more), Window(0, 0, 1, 12))
    np.testing.assert_array_equal(reasons[0], [2, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 7])
    _, reasons = read_reasons(open_source(str(root), Input(resolution=10)), Window(0, 0, 2, 24))
    np.testing.assert_array_equal(reasons[1, 6:8], [5, 5])


def test_fill_and_saturation_are_told_apart(tmp_path):
    b03 = np.full((72, 60), 3000, "u2")
    b03[0, 0], b03[5, 5] = 0, 65535
    root = safe.product(tmp_path, stored={"B03": b03})
    data, reasons = read_reasons(open_source(str(root)), Window(0, 0, 36, 30))
    assert reasons[0, 0] == 2
    assert reasons[2, 2] == 3
    assert (reasons > 0).sum() == 2
    assert np.isnan(data[:, 0, 0]).all()
    assert np.isnan(data[:, 2, 2]).all()


def test_level_1c_masks(tmp_path):
    classi = np.zeros((3, 12, 10), "u1")
    classi[0, 0, 0] = classi[1, 1, 1] = classi[2, 2, 2] = 1
    root = safe.product(tmp_path, "L1C", classi=classi)
    source = open_source(str(root), None, Masks(("cloud", "snow", "shadow")))
    _, reasons = read_reasons(source, whole(source))
    assert (reasons[0:3, 0:3] == 4).all()
    assert (reasons[3:6, 3:6] == 4).all()
    assert (reasons[6:9, 6:9] == 7).all()
    assert (reasons > 0).sum() == 27
    assert "Level 1C has no mask of cloud shadows: they stay in" in notes_of(source)
    old = open_source(str(safe.product(tmp_path / "old", "L1C", "02.07")))
    assert any("clouds are not masked" in n for n in notes_of(old))


def test_zip_and_metadata_file(tmp_path):
    root = safe.product(tmp_path)
    expected = open_source(str(root)).read(Window(3, 4, 20, 20))
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(root.rglob("*")):
            packed.write(file, file.relative_to(tmp_path))
    (root / "manifest.safe").write_text("<a/>")
    for path in (archive, root / "MTD_MSIL2A.xml", tmp_path / root.name, root / "manifest.safe"):
        np.testing.assert_array_equal(open_source(str(path)).read(Window(3, 4, 20, 20)), expected)


def change(root, old, new):
    path = next(root.glob("MTD_MSI*.xml"))
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Level-2A_User_Product", "Level-2A_Tile_ID", "metadata of a single tile"),
        (">10000<", "><", "BOA_QUANTIFICATION_VALUE = missing"),
        (">10000<", ">0<", "BOA_QUANTIFICATION_VALUE = 0"),
        (">10000<", ">nan<", "BOA_QUANTIFICATION_VALUE = nan"),
        ('band_id="3">-1000<', 'band_id="3">x<', "BOA_ADD_OFFSET of band_id 3 = x"),
        ('band_id="3">', 'band_id="77">', "BOA_ADD_OFFSET of band_id 77"),
        ('<BOA_ADD_OFFSET band_id="3">-1000</BOA_ADD_OFFSET>', "", "but none for B04"),
        ("BOA_ADD_OFFSET", "GONE", "baseline 05.09 but has no BOA_ADD_OFFSET"),
        ("IMAGE_FILE", "IMAGE_ID", "lists no IMAGE_FILE"),
        ("/IMG_DATA/", "/../../../IMG_DATA/", "none of the images that it lists"),
        ("</n1:General_Info>", "", "not valid XML"),
    ],
)
def test_damaged_metadata(tmp_path, old, new, says):
    root = safe.product(tmp_path)
    change(root, old, new)
    with pytest.raises(SceneError, match=says):
        open_source(str(root))


def test_damaged_images(tmp_path):
    root = safe.product(tmp_path)
    path = root / f"{safe.image('L2A', 'B11', 20)}.jp2"
    path.write_bytes(b"not found, sorry!\n")
    with pytest.raises(SceneError, match="cannot be opened as a raster"):
        open_source(str(root))
    path.unlink()
    with pytest.raises(SceneError, match="images of B11 are missing"):
        open_source(str(root))
    assert len(open_source(str(root), Input(bands=("B02", "B12"))).bands) == 2
    safe.write_jp2(path, np.ones((35, 30), "u2"), 20)
    with pytest.raises(SceneError, match="does not fit the others"):
        open_source(str(root))
    with pytest.raises(SceneError, match="not of aster as --sensor"):
        open_source(str(root), Input(sensor="aster"))


def test_a_safe_is_mapped_the_same_for_any_block(tmp_path, capsys):
    scl = np.full((540, 90), 5)
    scl[:54] = 9
    root = safe.product(tmp_path, coarse=(180, 30), scl=scl)
    run = ["--units", "3", "--reducer", "pca", "--mask", "cloud"]
    for out, more in (("a", ["--block", "512", "--threads", "2"]), ("b", ["--block", "1024"])):
        assert main(["map", str(root), "-o", str(tmp_path / out), *run, *more, "-q"]) == 0
    for name in ("units.tif", "mask.tif"):
        with rasterio.open(tmp_path / "a" / name) as a, rasterio.open(tmp_path / "b" / name) as b:
            np.testing.assert_array_equal(a.read(), b.read())
    masked = json.loads((tmp_path / "a" / "metrics.json").read_text())["masked"]
    assert masked == {"cloud": {"pixels": 54 * 90, "share": pytest.approx(0.1)}}


@pytest.mark.real_data
def test_a_real_product_with_the_metadata_of_its_tile_is_refused(data, capsys):
    (root,) = (data / "sentinel2_safe_metadata").glob("*.SAFE")
    for path in (root.parent, root, root / "MTD_MSIL2A.xml"):
        assert main(["info", str(path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "holds the metadata of a single tile (Level-2A_Tile_ID)" in line


def box(row, col, rows, cols):
    """The outline of pixels of 60 m, as GML has it."""
    (x, y), p = safe.CORNER, 60
    left, right, top, bottom = x + col * p, x + (col + cols) * p, y - row * p, y - (row + rows) * p
    return f"{left} {top} {right} {top} {right} {bottom} {left} {bottom} {left} {top}"


@pytest.mark.parametrize("size", [10, 20, 60])
def test_clouds_of_old_baselines_are_polygons(tmp_path, size):
    root = safe.product(tmp_path, "L1C", "02.05")
    polygons = [
        ("OPAQUE", [box(1, 2, 5, 6), box(2, 4, 2, 2)]),
        ("CIRRUS", [box(8, 0, 2, 3)]),
        ("SOMETHING", [box(0, 0, 1, 1)]),
    ]
    path = safe.write_clouds(root, "L1C", polygons)
    expected = np.zeros((12, 10), bool)
    expected[1:6, 2:8] = True
    expected[2:4, 4:6] = False
    expected[8:10, 0:3] = True
    expected = expected.repeat(60 // size, 0).repeat(60 // size, 1)
    source = pickle.loads(pickle.dumps(open_source(str(root), Input(resolution=size))))
    _, reasons = read_reasons(source, whole(source))
    np.testing.assert_array_equal(reasons, np.where(expected, CLOUD, 0))
    for window in (Window(0, 0, 7, 5), Window(5, 3, 7, 7)):
        np.testing.assert_array_equal(read_reasons(source, window)[1], reasons[window.slices])
    assert str(path) in list(file_paths(source))
    assert not any("clouds are not masked" in n for n in notes_of(source))
    kept = open_source(str(root), masks=Masks(("saturated",)))
    assert not read_reasons(kept, whole(kept))[1].any()


def test_a_tile_of_old_baseline_without_a_cloud(tmp_path):
    root = safe.product(tmp_path, "L1C", "02.05")
    safe.write_clouds(root, "L1C", [])
    source = open_source(str(root))
    assert not read_reasons(source, whole(source))[1].any()
    assert not any("clouds are not masked" in n for n in notes_of(source))


@pytest.mark.parametrize(
    ("rings", "crs", "says"),
    [
        (["1 2 3"], "EPSG:32633", "no list of at least four points"),
        (["1 2 3 4 5 6 x 8"], "EPSG:32633", "no list of at least four points"),
        ([box(0, 0, 1, 1)], "urn:ogc:def:crs:EPSG:8.7:32634", "EPSG:32634, where the bands"),
    ],
)
def test_damaged_clouds_are_refused(tmp_path, rings, crs, says):
    root = safe.product(tmp_path, "L1C", "02.05")
    safe.write_clouds(root, "L1C", [("OPAQUE", rings)], crs)
    with pytest.raises(SceneError, match=says):
        open_source(str(root))


def test_the_clouds_of_a_real_tile(data):
    (path,) = (data / "sentinel2_safe_metadata").rglob("MSK_CLOUDS_B00.gml")
    grid = GeoBox((1830, 1830), Affine(60, 0, 399960, 0, -60, 4200000), "EPSG:32633")
    container = Container(path.parent, "folder", (path.name,))
    clouds = read_clouds(container, path.name, grid)
    assert len(clouds.polygons) == 22
    area = sum(
        Polygon(rings[0], rings[1:]).intersection(box_of(*grid.extent.boundingbox)).area
        for rings in clouds.polygons
    )
    codes = clouds.read(Window(0, 0, 1830, 1830))
    assert set(np.unique(codes)) == {0, CLOUD}
    assert np.count_nonzero(codes) * 3600 == pytest.approx(area, rel=0.001)
