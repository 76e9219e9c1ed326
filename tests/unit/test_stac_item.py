"""STAC items with their assets beside them, built small and real; and the real ones."""

import json
import logging

import numpy as np
import pytest
import rasterio

import safe
from outcrop.__main__ import main
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.source import Window, notes_of, products_of, read_reasons
from rasters import write

KEYS = {"B02": "blue", "B04": "red", "B08": "nir", "B11": "swir16", "SCL": "scl"}
SIZES = {"B02": 10, "B04": 10, "B08": 10, "B11": 20, "SCL": 20}


def saved(folder, *, applied=True, baseline="05.09", bands=None, ending="tif", suffix=""):
    """Write an item and its assets; ``bands`` is what ``raster:bands`` holds."""
    rng = np.random.default_rng(0)
    assets = {}
    for name, key in KEYS.items():
        shape = (360 // SIZES[name], 480 // SIZES[name])
        numbers = rng.integers(1200, 3000, shape).astype("u2")
        if name == "SCL":
            numbers = np.full(shape, 5, "u1")
            numbers[:3] = 9
        path = folder / f"{name}.{ending}"
        if ending == "jp2":
            safe.write_jp2(path, numbers, SIZES[name])
        else:
            write(path, numbers, pixel=SIZES[name], crs=safe.CRS, origin=safe.CORNER)
        facts = bands if bands is not None else [{"nodata": 0, "scale": 0.0001, "offset": -0.1}]
        assets[key + suffix] = {
            "href": f"https://example.com/a/{name}.{ending}?x=1",
            "raster:bands": facts,
        }
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "S2B_33SVB_20230810_0_L2A",
        "collection": "sentinel-2-l2a", "assets": assets,
        "properties": {"earthsearch:boa_offset_applied": applied,
                       "s2:processing_baseline": baseline},
    }  # fmt: skip
    (folder / "item.json").write_text(json.dumps(item))
    return folder


def change(folder, edit):
    path = folder / "item.json"
    item = json.loads(path.read_text())
    edit(item)
    path.write_text(json.dumps(item))
    return folder


@pytest.mark.parametrize(
    ("applied", "baseline", "bands", "offset"),
    [
        (True, "05.09", None, 0.0),
        (False, "05.09", None, -0.1),
        (False, "05.09", [{"scale": 0.0001, "offset": 0}], 0.0),
        (False, "03.00", [{"scale": 0.0001}], 0.0),
        (False, "03.00", [], 0.0),
        (True, "05.09", [], 0.0),
        (False, "05.09", [], -0.1),
        (False, "05.09", [{"scale": 1e-4}], -0.1),
        (False, "05.09", "x", -0.1),
        (False, "05.09", [3], -0.1),
    ],
)
def test_the_rule_of_the_offset(tmp_path, applied, baseline, bands, offset):
    folder = saved(tmp_path, applied=applied, baseline=baseline, bands=bands)
    source = open_source(str(folder), Input(bands=("swir16", "B02")))
    with rasterio.open(folder / "B11.tif") as dataset:
        expected = dataset.read(1)[3:] * 1e-4 + offset
    np.testing.assert_allclose(source.read(Window(3, 0, 15, 24))[0], expected, rtol=1e-5)


def test_original_jpeg_2000_keeps_its_offset(tmp_path):
    source = open_source(str(saved(tmp_path, ending="jp2", suffix="-jp2")))
    with rasterio.open(tmp_path / "B11.jp2") as dataset:
        expected = dataset.read(1)[3:] * 1e-4 - 0.1
    np.testing.assert_allclose(source.read(Window(3, 0, 15, 24))[3], expected, rtol=1e-5)


def test_bands_masks_and_notes(tmp_path):
    source = open_source(str(saved(tmp_path)))
    assert [b.name for b in source.bands] == ["B02", "B04", "B08", "B11"]
    assert source.grid.shape == (18, 24)
    assert products_of(source) == ("Sentinel-2 MSI, Level 2A (STAC)",)
    _, reasons = read_reasons(source, Window(0, 0, 18, 24))
    assert (reasons[:3] == 4).all()
    assert not reasons[3:].any()
    (note,) = notes_of(source)
    assert note == "B03, B05, B06, B07, B8A, B12 do not lie beside the item: mapped without them"
    fine = open_source(str(tmp_path / "item.json"), Input(resolution=10))
    assert fine.grid.shape == (36, 48)
    assert any("B11 are coarser than 10 m" in n for n in notes_of(fine))


ODD = (
    (None, []),
    ("soon", [{"scale": 1e-4}]),
    ("05.09", [{"offset": "x"}]),
    ("05.09", [{"offset": 0, "scale": 0}]),
    ("05.09", [{"offset": 0, "scale": float("nan")}]),
)


@pytest.mark.parametrize(("baseline", "bands"), ODD)
def test_an_offset_that_is_not_known_is_refused(tmp_path, baseline, bands):
    folder = saved(tmp_path, applied=False, baseline=baseline, bands=bands)
    with pytest.raises(SceneError, match="from which reflectance cannot be computed"):
        open_source(str(folder))


def test_a_taken_offset_is_told(tmp_path):
    source = open_source(str(saved(tmp_path, applied=None, bands=[])))
    assert any("states no offset: -0.1 is taken" in n and "05.09" in n for n in notes_of(source))


def test_assets_must_lie_beside_the_item(tmp_path):
    (tmp_path / "a").mkdir()
    folder = saved(tmp_path / "a")
    outside = tmp_path / "B12.tif"
    outside.write_bytes((folder / "B11.tif").read_bytes())
    change(folder, lambda i: i["assets"].update(swir22={"href": "../B12.tif"}))
    assert "B12" not in [b.name for b in open_source(str(folder)).bands]
    change(folder, lambda i: i["assets"].update(red=3, nir={"href": None}, blue={}))
    with pytest.raises(SceneError, match="unknown band 'B02'"):
        open_source(str(folder), Input(bands=("B02",)))
    for file in folder.glob("*.tif"):
        file.unlink()
    for href in ("../B12.tif", "/etc/passwd.tif", f"file://{outside}", "/vsizip/{x.zip}/B02.tif",
                 f"{outside}", "B02.tif", "ftp://x/B02.tif", "/vsicurl?url=x/B02.tif"):  # fmt: skip
        change(folder, lambda i, h=href: i.update(assets={"red": {"href": h}}))
        with pytest.raises(SceneError, match="none of its bands lies beside it"):
            open_source(str(folder))
    with pytest.raises(SceneError, match="none of its bands lies beside it"):
        open_source(str(folder))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type": "Feature"}', "[" * 100_000, "\x00"])
def test_other_json_is_no_item(tmp_path, text):
    (tmp_path / "item.json").write_text(text)
    with pytest.raises(SceneError, match="no product is recognised"):
        open_source(str(tmp_path))
    with pytest.raises(SceneError, match=r"cannot be opened as a raster|holds no band"):
        open_source(str(tmp_path / "item.json"))


@pytest.mark.real_data
def test_a_real_item_whose_offset_was_applied(data, tmp_path):
    folder = data / "sentinel2_earthsearch" / "S2B_33TWM_20230810_0_L2A"
    source = open_source(str(folder))
    assert [b.name for b in source.bands] == ["B02", "B03", "B04", "B08"]
    assert source.grid.shape == (915, 915)
    assert any(
        "pixels are 120 m in the rasters, where the item says 10 m" in n for n in source.notes
    )
    bands, reasons = read_reasons(source, Window(300, 300, 200, 200))
    with rasterio.open(folder / "B04.tif") as b4, rasterio.open(folder / "SCL.tif") as scl:
        stored, classes = b4.read(1)[300:500, 300:500], scl.read(1)[300:500, 300:500]
    clear = reasons == 0
    np.testing.assert_allclose(bands[2][clear], stored[clear] * 1e-4, rtol=1e-5)
    np.testing.assert_array_equal(reasons == 4, np.isin(classes, (8, 9, 10)))
    run = ["--units", "4", "--reducer", "pca", "-q"]
    assert main(["map", str(folder), "-o", str(tmp_path / "out"), *run]) == 0


@pytest.mark.real_data
def test_a_real_static_collection_of_which_one_item_was_saved(data, caplog):
    caplog.set_level(logging.WARNING, "outcrop")
    logging.getLogger("outcrop").addHandler(caplog.handler)
    source = open_source(str(data / "sentinel2_earthsearch" / "collection.json"))
    assert source.name == "S2B_33TWM_20230810_0_L2A"
    assert "9 of the 10 documents that it links to are not there" in caplog.text


@pytest.mark.real_data
def test_real_items_without_pixels(data, capsys):
    root = data / "sentinel2_earthsearch"
    name = "S2A_33TWN_20161202_0_L2A"  # saved without its suffix
    assert main(["info", str(root / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name} is JSON, and no raster; if it is a STAC item, name it {name}.json" in line
