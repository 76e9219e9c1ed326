"""Items and rasters on a server: the real items of each platform, and servers that misbehave."""

import json
import pickle
import re

import numpy as np
import pytest
import rasterio

import aster
import served
from outcrop.__main__ import main
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.remote import SETTINGS, plain, read_url
from outcrop.source import Window, file_paths, notes_of, read_reasons, suns_of
from rasters import write

#: Metres of ground that every served raster covers.
GROUND = 960
CRS = "EPSG:32633"
CORNER = (399960.0, 4200000.0)


def cog(path, pixel, *, bands=1, dtype="u2", low=8000, high=20000, fill=None, seed=0, east=0):
    """Write a raster of the ground; its first row is ``fill`` where one is given."""
    size = GROUND // pixel
    rng = np.random.default_rng(seed)
    data = rng.integers(low, high, (bands, size, size)).astype(dtype)
    if fill is not None:
        data[:, 0] = fill
    path.parent.mkdir(parents=True, exist_ok=True)
    corner = (CORNER[0] + east, CORNER[1])
    write(path, data, pixel=pixel, crs=CRS, origin=corner, tiled=True, blockxsize=16,
          blockysize=16, compress="deflate")  # fmt: skip
    return data


def landsat(site, folder="a", east=0, item_id="LC08_L2SP_001001_20200714_02_T1", **properties):
    """An item of Landsat Collection 2 Level 2 with its assets, all on the server."""
    assets = {}
    names = {
        "blue": "B2",
        "green": "B3",
        "red": "B4",
        "nir08": "B5",
        "swir16": "B6",
        "swir22": "B7",
    }
    for i, (key, band) in enumerate(names.items()):
        file = f"{folder}/{item_id}_SR_{band}.TIF"
        cog(site.folder / file, 30, fill=0, seed=i, east=east)
        assets[key] = {"href": f"{item_id}_SR_{band}.TIF", "roles": ["data", "reflectance"],
                       "eo:bands": [{"name": f"OLI_{band}", "common_name": key}]}  # fmt: skip
    qa = f"{folder}/{item_id}_QA_PIXEL.TIF"
    cog(site.folder / qa, 30, low=21824, high=21825, fill=1, east=east)
    assets["qa_pixel"] = {"href": f"{item_id}_QA_PIXEL.TIF", "roles": ["cloud"]}
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": item_id, "collection": "landsat-c2-l2",
        "geometry": None, "bbox": [12, 37, 13, 38], "links": [], "assets": assets,
        "properties": {"datetime": "2020-07-14T10:00:00Z", "platform": "landsat-8",
                       "landsat:correction": "L2SP", "landsat:collection_number": "02",
                       "eo:cloud_cover": 10, "view:sun_elevation": 60, **properties},
    }  # fmt: skip
    site.documents[f"/{folder}/item.json"] = item
    return f"{site.url}/{folder}/item.json"


SR = (2.75e-5, -0.2)
S2 = (1e-4, 0.0)
OLI = ["B2", "B3", "B4", "B5", "B6", "B7"]
MSI = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
REAL = {
    "LC08_L2SP_028030_20200114_20200824_02_T1_SR": ("landsat8", OLI, SR),
    "LC08_L2SP_047027_20201204_02_T1": ("landsat8", OLI, SR),
    "LC08_L2SR_081119_20200101_20200823_02_T2": ("landsat8", OLI, SR),
    "LC09_L2SP_010065_20220129_02_T1": ("landsat9", OLI, SR),
    "LE07_L2SP_044033_20210329_20210424_02_T1_SR": (
        "landsat7", ["B1", "B2", "B3", "B4", "B5", "B7"], SR),
    "S2A_28QCH_20200714_0_L2A": ("sentinel2", MSI, S2),
    "S2A_T07HFE_20190212T192646_L2A": ("sentinel2", MSI, S2),
    "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531": ("sentinel2", MSI, S2),
    "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531_raster_ext": ("sentinel2", MSI, S2),
    "ga_ls8c_ard_3-1-0_088080_2020-05-25_final.stac-item": ("landsat8", OLI, (1e-4, 0.0)),
}  # fmt: skip


def serve_real(site, item):
    """Serve a real item: its own words, with assets of our own in the place of its."""
    for key, asset in item["assets"].items():
        name = asset["href"].split("?")[0].rsplit("/", 1)[-1]
        if not name.lower().endswith((".tif", ".jp2")):
            continue
        said = asset.get("proj:transform", [0])[0]
        pixel = min((10, 15, 20, 30, 60, 90), key=lambda p: abs(p - (said or 30)))
        pixel = 30 if said > 1000 else pixel
        bands = max(len(asset.get("eo:bands", [])), 1)
        clear = {"scl": 4, "fmask": 1, "radsat": 0, "qa": 21824}
        value = next((v for k, v in clear.items() if k in key.lower()), None)
        seed = sum(name.encode())
        if value is None:
            cog(site.folder / name, pixel, bands=bands, seed=seed)
        else:
            cog(site.folder / name, pixel, low=value, high=value + 1)
        asset["href"] = f"{site.url}/{name}"
    site.documents["/item.json"] = item
    return f"{site.url}/item.json"


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_the_real_items_of_each_platform(data, site, name):
    sensor, bands, (scale, offset) = REAL[name]
    item = json.loads((data / "stac_items" / f"{name}.json").read_text("utf-8"))
    source = open_source(serve_real(site, item), Input(sensor=sensor))
    assert [b.name for b in source.bands] == bands
    read = source.read(Window(0, 0, *source.grid.shape))
    assert bool(np.isfinite(read).all())
    # The band that lies on the scene's own grid: what was stored, by the rule.
    native = 20 if sensor == "sentinel2" else 30
    place = bands.index({"sentinel2": "B11"}.get(sensor, bands[-1]))
    near = [a["href"] for a in item["assets"].values() if str(a["href"]).startswith(site.url)]
    stored = []
    for href in near:
        with rasterio.open(site.folder / href.rsplit("/", 1)[-1]) as dataset:
            if dataset.transform.a == native:
                stored += list(dataset.read())
    expected = [s * scale + offset for s in stored]
    assert any(np.allclose(read[place], e, rtol=1e-5) for e in expected)
    assert {b.quantity for b in source.bands} == {"reflectance"}


AST = "AST_L1T_00305032000040446_20150409135350_78838"


def serve_aster(site, data):
    """Serve the real item of L1T: rasters of ours on its stretched grids, its real metadata."""
    item = json.loads((data / "stac_items" / f"{AST}.json").read_text("utf-8"))
    aster.cogs(site.folder)
    (site.folder / f"{aster.name()}.hdf.xml").unlink()
    for key in ("VNIR", "SWIR", "TIR"):
        item["assets"][key]["href"] = f"{site.url}/{AST}-{key}.tif"
    xml = (data / "aster_metadata" / f"{AST}.hdf.xml").read_bytes()
    (site.folder / "meta.hdf.xml").write_bytes(xml)
    item["assets"]["xml"]["href"] = "meta.hdf.xml"
    site.documents["/item.json"] = item
    return item, f"{site.url}/item.json"


@pytest.mark.real_data
def test_an_item_of_aster_is_the_product(data, site, tmp_path):
    _, address = serve_aster(site, data)
    source = open_source(address)
    folder = tmp_path / "product"
    folder.mkdir()
    aster.cogs(folder)
    xml = data / "aster_metadata" / f"{AST}.hdf.xml"
    (folder / xml.name).write_bytes(xml.read_bytes())
    product = open_source(str(folder))
    assert source.grid == product.grid
    assert source.bands == product.bands
    assert source.grid.affine.a == 30
    assert suns_of(source) == suns_of(product)
    assert source.toa
    window = Window(0, 0, *source.grid.shape)
    np.testing.assert_array_equal(source.read(window), product.read(window))
    notes = notes_of(source)
    assert any("mended to pixels of 15, 30 and 90 m" in n for n in notes)
    assert f"{site.url}/meta.hdf.xml" in list(file_paths(source))
    heat = open_source(address, Input(bands=("B10", "B14")))
    assert {b.quantity for b in heat.bands} == {"radiance"}


@pytest.mark.real_data
def test_an_item_of_aster_without_gains(data, site, tmp_path):
    item, address = serve_aster(site, data)
    site.moods["meta"] = 404
    with pytest.raises(SceneError, match="without which there is no reflectance: --scale 1"):
        open_source(address)
    scaled = open_source(address, Input(scale=0.01))
    assert {b.quantity for b in scaled.bands} == {"reflectance"}
    del item["assets"]["xml"]
    source = open_source(address)
    assert {b.quantity for b in source.bands} == {"unknown"}
    assert not source.toa
    assert any("so numbers are taken as stored" in n for n in notes_of(source))
    assert source.grid.affine.a == 30
    window = Window(0, 0, *source.grid.shape)
    np.testing.assert_allclose(source.read(window) * 0.01, scaled.read(window), rtol=1e-5)
    # Saved with its rasters, an item reads nothing from a server.
    item["assets"]["xml"] = {"href": f"{site.url}/meta.hdf.xml"}
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "item.json").write_text(json.dumps(item))
    aster.cogs(folder)
    (folder / f"{aster.name()}.hdf.xml").unlink()
    saved = open_source(str(folder / "item.json"))
    assert {b.quantity for b in saved.bands} == {"unknown"}


def test_an_item_on_a_server_with_its_masks(site):
    source = open_source(landsat(site))
    bands, reasons = read_reasons(source, Window(0, 0, 32, 32))
    assert [b.common_name for b in source.bands] == ["blue", "green", "red", "nir08", "swir16",
                                                     "swir22"]  # fmt: skip
    assert (reasons[0] == 2).all()
    assert not reasons[1:].any()
    with rasterio.open(next((site.folder / "a").glob("*B4.TIF"))) as dataset:
        np.testing.assert_allclose(bands[2][1:], dataset.read(1)[1:] * 2.75e-5 - 0.2, rtol=1e-5)
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy.read(Window(3, 5, 9, 7)), bands[:, 3:12, 5:12])
    files = list(file_paths(source))
    assert files[1] == f"{site.url}/a/LC08_L2SP_001001_20200714_02_T1_SR_B2.TIF"
    assert f"{site.url}/a/item.json" in files
    assert any("without QA_RADSAT saturation is not masked" in n for n in notes_of(source))


def test_a_list_of_items_is_a_mosaic(site, tmp_path):
    for folder, east in (("a", 0), ("b", GROUND)):
        landsat(site, folder, east, item_id=f"LC08_L2SP_00{folder}")
    features = []
    for folder in "ab":
        item = dict(site.documents[f"/{folder}/item.json"])
        item["links"] = [{"rel": "self", "href": f"{site.url}/{folder}/item.json"}]
        features.append(item)
    path = tmp_path / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert open_source(str(path)).grid.shape == (32, 64)
    site.documents["/catalog.json"] = {
        "type": "Catalog", "stac_version": "1.0.0", "id": "c", "links": [
            {"rel": "child", "href": "./below.json"}, {"rel": "item", "href": "a/item.json"}],
    }  # fmt: skip
    site.documents["/below.json"] = {
        "type": "Collection", "stac_version": "1.0.0", "id": "d", "links": [
            {"rel": "root", "href": "/catalog.json"}, {"rel": "child", "href": "/catalog.json"},
            {"rel": "item", "href": "b/item.json"}],
    }  # fmt: skip
    assert open_source(f"{site.url}/catalog.json").grid.shape == (32, 64)
    run = ["--units", "3", "--recipe", "nagar2024", "--reducer", "pca", "-q"]
    assert main(["map", str(path), "-o", str(tmp_path / "out"), *run]) == 0
    assert f"{site.url}/b/item.json" not in (tmp_path / "out" / "run.toml").read_text()
    assert f"{site.url}/b/LC08_L2SP_00b_SR_B2.TIF" in (tmp_path / "out" / "run.toml").read_text()


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        (404, r"the server answers 404 \(Not Found\); check the address"),
        (403, r"the server answers 403 \(Forbidden\); it wants to know who asks"),
        (500, r"the server answers 500 \(Internal Server Error\); it was asked again 1 times"),
        ("silent", "does not answer in time"),
        ("cut", "cut the connection while sending"),
        ("page", "sends a web page instead, as for a login"),
    ],
)
def test_a_bad_server_of_rasters(site, mood, says, capsys):
    url = landsat(site)
    site.moods["B4.TIF"] = mood
    assert main(["info", url]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line), line
    assert f"{site.url}/a/LC08_L2SP_001001_20200714_02_T1_SR_B4.TIF" in line


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        (404, r"the server answers 404 \(Not Found\); check the address"),
        (503, r"the server answers 503 \(Service Unavailable\); it was asked again 1 times"),
        ("silent", "does not answer in time"),
        ("drip", "does not answer in time"),
        ("cut", "cut the connection while sending"),
        ("page", "is not valid JSON"),
    ],
)
def test_a_bad_server_of_items(site, mood, says, capsys):
    url = landsat(site)
    site.moods["item.json"] = mood
    assert main(["info", url]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line), line
    assert url in line
    assert site.asked["/a/item.json"] == (1 if mood in (404, "page") else 2)


@pytest.mark.parametrize("mood", [503, "cut", "silent"])
def test_a_server_that_recovers(site, mood):
    """One bad answer to the item, one to a raster: both are tried again."""
    url = landsat(site)
    site.moods = {"item.json": (mood, 1), "B3.TIF": (mood, 1)}
    source = open_source(url)
    assert np.isfinite(source.read(Window(1, 0, 20, 32))).all()
    assert site.asked["/a/item.json"] == 2


def test_a_server_that_fails_while_it_is_read(site):
    numbers = np.random.default_rng(0).integers(1, 9999, (600, 600)).astype("u2")
    write(site.folder / "big.tif", numbers)
    source = open_source(f"{site.url}/big.tif")
    site.moods["."] = "cut"
    with pytest.raises(SceneError, match=r"/big\.tif cannot be read: the server"):
        pickle.loads(pickle.dumps(source)).read(Window(300, 0, 300, 600))
    site.moods = {}
    np.testing.assert_array_equal(source.read(Window(300, 0, 300, 600))[0], numbers[300:])


def test_a_server_that_is_slow_is_waited_for(site):
    url = landsat(site)
    site.moods["(B2.TIF|item.json)"] = "slow"
    assert np.isfinite(open_source(url).read(Window(1, 0, 31, 32))).all()


def test_no_server_at_all(site, capsys):
    assert main(["info", "http://127.0.0.1:9/item.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(
        r"http://127.0.0.1:9/item.json cannot be read: no connection \(.*refused", line
    )


def test_what_is_on_a_server_never_leads_to_this_machine(site, tmp_path):
    url = landsat(site)
    secret = tmp_path / "secret.tif"
    cog(secret, 30)
    item = site.documents["/a/item.json"]
    red = item["assets"]["red"]
    for href in (f"file://{secret}", f"/vsicurl/file://{secret}", "ftp://a/b"):
        red["href"] = href
        assert "B4" not in [b.name for b in open_source(url).bands]
    red["href"] = f"/vsizip/{secret}"  # relative to the server, which has none there
    with pytest.raises(SceneError, match=rf"{site.url}.*secret.tif cannot be read: .* 404"):
        open_source(url)
    # A raster that is a list of places to read from.
    vrt = (
        f'<VRTDataset rasterXSize="32" rasterYSize="32"><VRTRasterBand dataType="UInt16" band="1">\
<SimpleSource><SourceFilename>{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>'
    )
    (site.folder / "a" / "x.tif").write_text(vrt)
    red["href"] = "x.tif"
    with pytest.raises(SceneError, match=r"x\.tif cannot be read"):
        open_source(url)
    site.documents["/c.json"] = {
        "type": "Catalog", "links": [{"rel": "item", "href": f"file://{secret}"}],
    }  # fmt: skip
    with pytest.raises(SceneError, match="holds no STAC item"):
        open_source(f"{site.url}/c.json")


def test_documents_have_a_largest_size(site, monkeypatch):
    monkeypatch.setattr("outcrop.remote.MOST_BYTES", 1000)
    site.documents["/item.json"] = b" " * 5000
    with pytest.raises(SceneError, match="larger than"):
        read_url(f"{site.url}/item.json")


def test_a_catalog_has_a_largest_number_of_documents(site, monkeypatch):
    monkeypatch.setattr("outcrop.stac.document.MOST_DOCUMENTS", 5)
    for i in range(9):
        site.documents[f"/{i}.json"] = {
            "type": "Catalog", "links": [{"rel": "child", "href": f"{i + 1}.json"}],
        }  # fmt: skip
    with pytest.raises(SceneError, match="more than 5 documents"):
        open_source(f"{site.url}/0.json")


@pytest.mark.parametrize(
    "content",
    [b"[]", b"{", b'{"type": "Feature", "assets": 3}', b'{"type": "FeatureCollection"}',
     b"\xff\x00",
     b'{"type": "FeatureCollection", "features": [3, {"assets": {"red": {"href": "x.tif"}}}]}',
     b'{"type": "Catalog", "links": 4}', b'{"type": "Feature", "assets": {"a": {"href": 3}}}'],
)  # fmt: skip
def test_documents_that_are_none(site, content, capsys):
    site.documents["/item.json"] = content
    assert main(["info", f"{site.url}/item.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert site.url in line


def test_platforms_that_ask_for_a_login_are_told_apart():
    from outcrop.remote import _said

    blob = "https://sentinel2l2a01.blob.core.windows.net/x.tif"
    assert "pip install planetary-computer" in _said(blob, 409)
    assert "AWS_REQUEST_PAYER=requester" in _said("https://landsatlook.usgs.gov/x.tif", 401)
    assert "GDAL_HTTP_NETRC" in _said("https://example.org/x.tif", 401)
    assert plain(f"/vsicurl/{blob}?sig=secret") == blob
    assert plain("/vsis3/a/b.tif") == "s3://a/b.tif"
    assert set(served.HASTE) < set(SETTINGS)


def test_who_pays_reads_from_s3(site, monkeypatch):
    url = landsat(site)
    red = site.documents["/a/item.json"]["assets"]["red"]
    red["alternate"] = {"s3": {"href": "s3://usgs-landsat/x_SR_B4.TIF"}}
    assert open_source(url).base.files[2].path.startswith("/vsicurl/http://127")
    for name, value in {"AWS_REQUEST_PAYER": "requester", "AWS_ACCESS_KEY_ID": "x",
                        "AWS_SECRET_ACCESS_KEY": "x", "AWS_HTTPS": "NO",
                        "AWS_VIRTUAL_HOSTING": "NO",
                        "AWS_S3_ENDPOINT": site.url.removeprefix("http://")}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    cog(site.folder / "usgs-landsat" / "x_SR_B4.TIF", 30)
    source = open_source(url)
    assert source.base.files[2].path == "/vsis3/usgs-landsat/x_SR_B4.TIF"
    assert np.isfinite(source.read(Window(1, 0, 20, 20))).all()
    assert "s3://usgs-landsat/x_SR_B4.TIF" in list(file_paths(source))
