"""The workbench's routes, without a browser: what they show, save and refuse."""

import io
import json
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop.__main__ import main
from outcrop.errors import InputError
from outcrop.products.raster import add_overviews, block_writer
from outcrop.source import Window
from workbench import SHAPE, need_web

need_web()

import morecantile
from fastapi.testclient import TestClient
from pyproj import Transformer

from outcrop.web.app import Workbench, create_app
from outcrop.web.export import _metrics
from outcrop.web.guard import LARGEST, Guard
from outcrop.web.imagery import Preparation, write_image
from outcrop.web.place import Place
from outcrop.web.runs import open_runs
from outcrop.web.serving import _listen, check_parts, is_loopback, serve

HOST = "127.0.0.1:8765"
GRID = "/tiles/WebMercatorQuad/1/0/0.png"
HEADERS = {"host": HOST, "origin": f"http://{HOST}", "x-outcrop-token": "secret"}


@pytest.fixture(params=["utm", "plane"])
def run(request, workbench_runs, tmp_path):
    import shutil

    source = workbench_runs[0] if request.param == "utm" else workbench_runs[1]
    folder = tmp_path / request.param
    shutil.copytree(source, folder)
    return next(iter(open_runs([folder]).values()))


def client(run, tmp_path, **more):
    bench = Workbench({run.id: run}, "secret", tmp_path, **more)
    guarded = Guard(create_app(bench), frozenset({"127.0.0.1"}), "secret")
    return TestClient(guarded, base_url=f"http://{HOST}", headers=HEADERS)


def edit(web, run, **what):
    """Make an edit and return the state after it."""
    return web.post(f"/api/runs/{run.id}/edits", json=what).json()


def look(web, run, **where):
    return web.post(f"/api/runs/{run.id}/look", json=where).json()


def at(run, row, col):
    """The browser's degrees of the middle of a pixel."""
    return run.place.from_pixels(np.array([[col + 0.5, row + 0.5]]))[0].tolist()


def ring(run, top, left, bottom, right):
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)
    return run.place.from_pixels(corners).tolist()


def unit_at(run, row, col):
    with rasterio.open(run.folder / "units.tif") as units:
        return int(units.read(1)[row, col])


def tile_of(run, zoom, layer="units", query=""):

    x, y, _ = morecantile.tms.get("WebMercatorQuad").tile(*at(run, 30, 45), zoom)
    return f"/api/runs/{run.id}/{layer}/tiles/WebMercatorQuad/{zoom}/{x}/{y}.png{query}"


def read_png(content):
    with rasterio.open(io.BytesIO(content)) as dataset:
        return dataset.read()


def test_points_go_to_the_browser_and_back(run):
    pixels = np.array([(0.0, 0.0), (12.5, 40.25), (90.0, 60.0)])
    there = run.place.to_map(run.place.from_pixels(pixels))
    np.testing.assert_allclose(run.place.to_pixels(there), pixels, atol=1e-4)
    west, south, east, north = run.place.bounds
    assert west < east
    assert south < north
    assert run.place.on_earth == (run.grid.crs is not None)


def test_a_map_that_mercator_cannot_show_is_on_a_plane():
    from affine import Affine
    from odc.geo.geobox import GeoBox

    pole = GeoBox((100, 100), Affine(1000, 0, -50_000, 0, -1000, 50_000), "EPSG:3031")
    fiji = GeoBox((100, 400), Affine(0.01, 0, 178, 0, -0.01, -16), "EPSG:4326")
    for grid in (pole, fiji):
        place = Place.of(grid)
        assert not place.on_earth
        pixels = np.array([(10.0, 20.0)])
        points = place.to_map(place.from_pixels(pixels))
        np.testing.assert_allclose(place.to_pixels(points), pixels, atol=1e-6)
        assert place.to_degrees(points).shape == (1, 2)


def test_tiles_hold_raw_numbers(run, tmp_path):
    write_image(run)
    web = client(run, tmp_path)
    answer = web.get(tile_of(run, run.place.max_zoom))
    assert answer.status_code == 200
    labels = read_png(answer.content)
    assert labels.shape[0] == 1, "one plane: the browser colours"
    assert set(np.unique(labels)) <= {0, 1, 2, 3}
    assert len(np.unique(labels)) >= 3
    colours = read_png(
        web.get(tile_of(run, run.place.max_zoom, "image", "?channels=5/6,4,1")).content
    )
    assert colours.shape[0] == 4
    assert (colours[3] == 255).sum() > 1000
    assert web.get(tile_of(run, run.place.max_zoom, "code")).status_code == 404


def test_tiles_of_confidence_hold_percentages(run, tmp_path):
    answer = client(run, tmp_path).get(tile_of(run, run.place.max_zoom, "confidence"))
    assert answer.status_code == 200
    with rasterio.open(run.folder / "confidence.tif") as raster:
        known = set(np.unique(raster.read(1)).tolist())
    shown = set(np.unique(read_png(answer.content)).tolist())
    assert shown <= known | {255}
    assert shown & set(range(1, 101)), "some of the map is in the tile"


def test_a_tile_of_the_plane_is_the_map_pixel_for_pixel(workbench_runs, tmp_path):
    plane = open_runs([workbench_runs[1]])["plane"]
    labels = read_png(client(plane, tmp_path).get(tile_of(plane, plane.place.max_zoom)).content)[0]
    with rasterio.open(plane.folder / "units.tif") as units:
        whole = units.read(1)
    # Tiles meet at the middle of the map: this one holds a quarter of it, or a half.
    rows, cols = np.nonzero(labels)
    found = labels[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    places = [(r, c) for r in (0, SHAPE[0] // 2) for c in (0, SHAPE[1] // 2)]
    assert any(
        np.array_equal(found, whole[r : r + found.shape[0], c : c + found.shape[1]])
        for r, c in places
    )


@pytest.mark.parametrize("channels", ["1,2", "9,1,1", "0,1,2", "a,b,c", "1/2/3,1,1", "1,2,3,4"])
def test_channels_that_are_none_are_refused(run, tmp_path, channels):
    write_image(run)
    answer = client(run, tmp_path).get(
        tile_of(run, run.place.max_zoom, "image", f"?channels={channels}")
    )
    assert answer.status_code == 422
    assert "channel" in answer.json()["detail"]


def test_a_pixel_is_its_unit_spectrum_and_place(run, tmp_path):
    write_image(run)
    look = (
        client(run, tmp_path)
        .post(f"/api/runs/{run.id}/look", json={"point": at(run, 11, 70)})
        .json()
    )
    assert (look["row"], look["column"], look["unit"]) == (11, 70, unit_at(run, 11, 70))
    with rasterio.open(run.folder / "confidence.tif") as raster:
        assert look["confidence"] == raster.read(1)[11, 70]
        assert look["unlike"] == (look["confidence"] == 0)
    with rasterio.open(run.scenes[0]) as scene:
        stored = scene.read()[:, 11, 70] * 1e-4
    np.testing.assert_allclose(look["spectrum"], stored, atol=1e-4)
    if run.grid.crs is None:
        assert look["crs"] is None
        assert look["degrees"] is None
    else:
        x, y = run.grid.affine * (70.5, 11.5)
        np.testing.assert_allclose(look["crs"], (x, y), atol=0.01)
        assert 140 < look["degrees"][0] < 143
    outside = client(run, tmp_path).post(f"/api/runs/{run.id}/look", json={"point": at(run, -5, 3)})
    assert outside.json()["outside"]


def test_a_pixel_of_a_part_is_named_by_row_and_column_of_the_scene(workbench_runs, tmp_path):
    part = shutil.copytree(workbench_runs[1], tmp_path / "part")
    with rasterio.open(part / "units.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as units:
        units.transform = Affine(1, 0, 100, 0, -1, -50)
    run = open_runs([part])["part"]
    looked = {"point": at(run, 11, 70)}
    look = client(run, tmp_path).post(f"/api/runs/{run.id}/look", json=looked).json()
    assert (look["row"], look["column"], look["unit"]) == (61, 170, unit_at(run, 11, 70))


def test_a_polygon_is_the_mean_of_its_pixels(run, tmp_path):
    write_image(run)
    answer = client(run, tmp_path).post(
        f"/api/runs/{run.id}/look", json={"ring": ring(run, 10, 5, 20, 25)}
    )
    look = answer.json()
    assert look["pixels"] == 200
    with rasterio.open(run.scenes[0]) as scene:
        stored = scene.read()[:, 10:20, 5:25] * 1e-4
    np.testing.assert_allclose(look["spectrum"], stored.mean(axis=(1, 2)), atol=1e-4)
    assert look["area"] == (None if run.grid.crs is None else 200 * 900)


def test_edits_are_saved_and_survive_a_restart(run, tmp_path):
    web = client(run, tmp_path)
    before = json.loads((run.folder / "legend.json").read_text())
    state = web.post(
        f"/api/runs/{run.id}/edits", json={"op": "rename", "unit": 2, "name": "Shale"}
    ).json()
    assert [u["name"] for u in state["units"]] == ["Unit 1", "Shale", "Unit 3"]
    web.post(f"/api/runs/{run.id}/edits", json={"op": "merge", "units": [1], "into": 2})
    after = json.loads((run.folder / "legend.json").read_text())
    assert {k: v for k, v in after.items() if k != "edits"} == before, "the result is untouched"
    again = open_runs([run.folder])[run.id]
    assert [u.name for u in again.edited().units.values()] == ["Shale", "Unit 3"]
    state = client(again, tmp_path).post(f"/api/runs/{run.id}/undo").json()
    assert len(state["units"]) == 3
    assert state["redo"] == "merge"
    assert len(web.post(f"/api/runs/{run.id}/redo").json()["units"]) == 2


def test_what_is_split_off_shows_in_tiles_areas_and_spectra(run, tmp_path):
    write_image(run)
    web, unit = client(run, tmp_path), unit_at(run, 30, 45)
    body = {"unit": unit, "ring": ring(run, 20, 32, 40, 80), "name": "Dyke"}
    state = web.post(f"/api/runs/{run.id}/split", json=body).json()
    by = {u["number"]: u for u in state["units"]}
    with rasterio.open(run.folder / "units.tif") as units:
        labels = units.read(1)
    inside = np.zeros(SHAPE, bool)
    inside[20:40, 32:80] = True
    assert state["new"] == 4
    assert by[4]["pixels"] == int((inside & (labels == unit)).sum())
    assert by[4]["pixels"] + by[unit]["pixels"] == int((labels == unit).sum())
    with rasterio.open(run.scenes[0]) as scene:
        stored = scene.read() * 1e-4
    np.testing.assert_allclose(
        by[4]["mean"], stored[:, inside & (labels == unit)].mean(axis=1), atol=1e-4
    )
    tile = read_png(web.get(tile_of(run, run.place.max_zoom)).content)
    assert 4 in tile
    look = web.post(f"/api/runs/{run.id}/look", json={"point": at(run, 30, 45)}).json()
    assert look["unit"] == 4


def test_the_export_is_the_edited_map(run, tmp_path):
    import zipfile

    import geopandas

    write_image(run)
    web, unit = client(run, tmp_path), unit_at(run, 30, 45)
    other, hidden = (n for n in (1, 2, 3) if n != unit)
    web.post(
        f"/api/runs/{run.id}/split",
        json={"unit": unit, "ring": ring(run, 20, 32, 40, 80), "name": "Dyke"},
    )
    web.post(f"/api/runs/{run.id}/edits", json={"op": "merge", "units": [other], "into": unit})
    web.post(f"/api/runs/{run.id}/edits", json={"op": "hide", "unit": hidden, "hidden": True})
    state = web.post(
        f"/api/runs/{run.id}/edits", json={"op": "rename", "unit": unit, "name": "Marl"}
    ).json()
    assert web.post(f"/api/runs/{run.id}/export").status_code == 200
    answer = web.get(f"/api/runs/{run.id}/export")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "x")
    folder = tmp_path / "x" / f"{run.id}-edited"
    with (
        rasterio.open(folder / "units.tif") as units,
        rasterio.open(run.folder / "units.tif") as old,
    ):
        labels, was = units.read(1), old.read(1)
        assert units.crs == old.crs
        assert units.transform == old.transform
    by = {u["number"]: u for u in state["units"]}
    assert {n: int((labels == n).sum()) for n in (unit, 4)} == {
        n: by[n]["pixels"] for n in (unit, 4)
    }
    assert (labels[was == hidden] == 0).all()
    with (
        rasterio.open(folder / "confidence.tif") as raster,
        rasterio.open(run.folder / "confidence.tif") as old,
    ):
        sure = raster.read(1)
        np.testing.assert_array_equal(sure, np.where(labels > 0, old.read(1), 255))
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert metrics["confidence"]["mean"] == pytest.approx(sure[labels > 0].mean())
    assert (folder / "confidence.qml").is_file()
    polygons = geopandas.read_file(folder / "units.gpkg")
    weighted = (polygons["mean_confidence"] * polygons["pixels"]).sum() / (labels > 0).sum()
    assert weighted == pytest.approx(metrics["confidence"]["mean"], abs=0.1)
    assert set(polygons["name"]) == {"Marl", "Dyke"}
    assert polygons["pixels"].sum() == (labels > 0).sum()
    assert "Marl" in (folder / "units.qml").read_text()
    assert "Marl" in (folder / "report.html").read_text()
    legend = json.loads((folder / "legend.json").read_text())
    assert {u["name"] for u in legend["units"]} == {"Marl", "Dyke"}
    # The folder is a run: the same files are written by the command, and it opens in its turn.
    assert main(["export", str(run.folder), "-o", str(tmp_path / "cli")]) == 0
    assert {p.name for p in folder.iterdir()} == {p.name for p in (tmp_path / "cli").iterdir()}
    assert open_runs([tmp_path / "cli"])["cli"].edited().units[4].name == "Dyke"
    assert main(["export", str(run.folder), "-o", str(run.folder)]) == 2


def test_a_merged_unit_is_like_nothing_until_it_is_compared(run, tmp_path):
    for name, keep in (("legend.json", "units"), ("metrics.json", "matches")):
        facts = json.loads((run.folder / name).read_text())
        if keep == "units":
            facts["units"] = [{**u, "matches": {"verdict": "near"}} for u in facts["units"]]
        else:
            facts["matches"] = {"units": {str(n): {"verdict": "near"} for n in (1, 2, 3)}}
        (run.folder / name).write_text(json.dumps(facts))
    again = open_runs([run.folder])[run.id]
    edit(client(again, tmp_path), again, op="merge", units=[3], into=1)
    assert set(_metrics(again, again.edited(), 1)["matches"]["units"]) == {"2"}
    assert "1 edit of" in _metrics(again, again.edited(), 1)["notes"][0]
    assert not any("edited by" in note for note in _metrics(again, again.edited(), 0)["notes"])


def test_the_report_is_of_the_map_as_it_is_edited(run, tmp_path):
    web, path = client(run, tmp_path), f"/api/runs/{run.id}/report"
    assert web.get(f"/api/runs/{run.id}").json()["read_only"] is False
    mapped = web.get(path).text
    assert mapped == (run.folder / "report.html").read_text("utf-8")
    edit(web, run, op="rename", unit=1, name="Marl & <b>")
    edit(web, run, op="merge", units=[3], into=2)
    report = web.get(path).text
    assert "Marl &amp; &lt;b&gt;" in report
    assert "Unit 2" in report
    assert "Unit 3" not in report
    assert "edited by a geologist (2 edits of the map" in report
    # Another edit, another report; the next look at the same one writes nothing.
    edit(web, run, op="rename", unit=1, name="Chalk")
    assert "Chalk" in web.get(path).text
    (page,) = (tmp_path / f"{run.id}-report").iterdir()
    written = page.stat().st_mtime_ns
    assert "Chalk" in web.get(path).text
    assert page.stat().st_mtime_ns == written
    for _ in range(3):
        web.post(f"/api/runs/{run.id}/undo")
    assert web.get(path).text == mapped


@pytest.fixture
def locked(run):
    """The folder of a run that cannot be written, also where the tests are run by root."""
    place = Path(tempfile.mkdtemp(prefix="outcrop-locked-"))
    folder = shutil.copytree(run.folder, place / "run")
    place.chmod(0o755)
    folder.chmod(0o555)
    root = getattr(os, "geteuid", lambda: 1)() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(place)


@pytest.mark.skipif(os.name == "nt", reason="needs permissions as POSIX has them")
def test_a_folder_that_cannot_be_written_is_shown_and_says_so(locked, tmp_path):
    before, names = (locked / "legend.json").read_bytes(), {p.name for p in locked.iterdir()}
    shut = open_runs([locked])["run"]
    web = client(shut, tmp_path)
    assert web.get("/api/runs/run").json()["read_only"] is True
    assert look(web, shut, point=at(shut, 30, 45))["unit"]
    answer = web.post("/api/runs/run/edits", json={"op": "rename", "unit": 1, "name": "Marl"})
    assert answer.status_code == 500
    assert "is not saved; make its folder writable" in answer.json()["detail"]
    work = Preparation()
    work.start([shut]).join()
    assert "cannot be written: make it writable" in work.state(shut)["why"]
    assert (locked / "legend.json").read_bytes() == before
    assert {p.name for p in locked.iterdir()} == names


@pytest.mark.parametrize(("path", "body"), [
    ("edits", {"op": "rename", "unit": 99, "name": "x"}),
    ("edits", {"op": "rename"}),
    ("edits", {"op": "split", "unit": 1}),
    ("edits", {}),
    ("split", {"unit": 1, "ring": [[0, 0], [1, 1]]}),
    ("split", {"unit": 1, "ring": [[60, 50], [61, 50], [61, 51]]}),
    ("look", {}),
    ("look", {"point": [0, "x"]}),
    ("look", {"point": [0, 91]}),
    ("look", {"point": [float("inf"), 0]}),
    ("look", {"ring": [[0, 0], [float("nan"), 1], [1, 1]]}),
    ("edits", {"op": "rename", "unit": float("nan"), "name": "x"}),
    ("edits", {"op": "rename", "unit": 1, "name": "\ud800"}),
    ("edits", ["rename"]),
])  # fmt: skip
def test_bad_requests_are_refused_and_nothing_is_written(run, tmp_path, path, body):
    before = (run.folder / "legend.json").read_bytes()
    answer = client(run, tmp_path).post(f"/api/runs/{run.id}/{path}", content=json.dumps(body),
                                        headers={"content-type": "application/json"})  # fmt: skip
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str), "the page shows it as it is"
    assert (run.folder / "legend.json").read_bytes() == before


def test_only_the_page_itself_changes_anything(run, tmp_path):
    web = client(run, tmp_path)
    edit = {"op": "rename", "unit": 1, "name": "x"}
    path = f"/api/runs/{run.id}/edits"
    for wrong in ({"x-outcrop-token": "guess"}, {"origin": "https://evil.example"}, {"origin": ""}):
        assert web.post(path, json=edit, headers=wrong).status_code == 403
    assert web.post(path, json=edit, headers={"host": "evil.example"}).status_code == 421
    assert web.get("/api/runs", headers={"host": "evil.example:8765"}).status_code == 421
    assert web.post(path, content=b"x" * (LARGEST + 1)).status_code == 413
    assert not open_runs([run.folder])[run.id].read()[1].done
    assert web.get("/api/runs").headers["content-security-policy"].startswith("default-src 'self'")


def test_a_body_of_unsaid_length_is_cut_off(run, tmp_path):
    def endless():
        for _ in range(40):
            yield b"x" * 2**16

    answer = client(run, tmp_path).post(f"/api/runs/{run.id}/edits", content=endless())
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize("path", [
    "/api/runs/..%2F..%2Fetc/report", "/api/runs/nothing", "/api/runs/nothing/units" + GRID,
    "/assets/../index.html", "/assets/..%2f..%2fapp.py", "/docs", "/openapi.json",
    "/api/runs/utm/units/info?url=/etc/passwd", "/api/runs/utm/secret" + GRID,
])  # fmt: skip
def test_nothing_but_runs_and_their_layers_is_reached(run, tmp_path, path):
    assert client(run, tmp_path).get(path).status_code in (404, 422)


def test_a_url_from_the_client_opens_nothing(run, tmp_path):
    web = client(run, tmp_path)
    plain = web.get(tile_of(run, run.place.max_zoom))
    other = web.get(tile_of(run, run.place.max_zoom, query="?url=/etc/passwd&tilesize=60000"))
    assert other.content == plain.content


def test_a_crash_in_the_middle_of_a_save_leaves_the_last_one(run, monkeypatch):
    from outcrop import durable

    run.change(lambda _, log: log.add({"op": "rename", "unit": 1, "name": "first"}))
    whole = (run.folder / "legend.json").read_bytes()

    def dies(temporary, path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(durable, "put", dies)
        with pytest.raises(KeyboardInterrupt):
            run.change(lambda _, log: log.add({"op": "rename", "unit": 1, "name": "second"}))
    assert (run.folder / "legend.json").read_bytes() == whole
    assert open_runs([run.folder])[run.id].edited().units[1].name == "first"


def test_a_run_that_is_deleted_says_so_and_leaves_the_others_alone(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "other")
    runs = open_runs([run.folder, tmp_path / "other"])
    web = TestClient(
        Guard(create_app(Workbench(runs, "secret", tmp_path)), frozenset({"127.0.0.1"}), "secret"),
        base_url=f"http://{HOST}", headers=HEADERS,
    )  # fmt: skip
    shutil.rmtree(tmp_path / "other")
    assert [r["id"] for r in web.get("/api/runs").json()["runs"]] == [run.id]
    for path, body in (("look", {"point": at(run, 9, 9)}), ("export", {}), ("undo", {})):
        answer = web.post(f"/api/runs/other/{path}", json=body)
        assert answer.status_code == 422
        assert "cannot be read" in answer.json()["detail"]
    assert web.get(f"/api/runs/{run.id}").status_code == 200


def test_edits_at_once_are_all_kept(run):
    def rename(i):
        run.change(lambda _, log: log.add({"op": "rename", "unit": 1, "name": f"n{i}"}))

    threads = [threading.Thread(target=rename, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(e["name"] for e in run.read()[1].done) == sorted(f"n{i}" for i in range(12))


def test_imagery_is_prepared_beside_the_server_or_says_why_not(run, tmp_path):
    work = Preparation()
    work.start([run]).join()
    assert work.state(run) == {"state": "ready"}
    with rasterio.open(run.image) as image, rasterio.open(run.scenes[0]) as scene:
        values = image.read(2) * image.scales[1] + image.offsets[1]
        np.testing.assert_allclose(values, scene.read(2) * 1e-4, atol=1e-4)
        assert image.profile["interleave"] == "band"  # three are shown, of many
    assert not list(run.folder.glob("image.*.tif"))
    run.image.unlink()
    settings = (run.folder / "run.toml").read_text().replace("-scene.tif", "-gone.tif")
    (run.folder / "run.toml").write_text(settings)
    again = open_runs([run.folder])[run.id]
    work.start([again]).join()
    assert work.state(again)["state"] == "missing"
    assert "gone.tif" in work.state(again)["why"]


def test_overviews_are_means_down_to_one_tile(tmp_path):
    grid = GeoBox((700, 1100), Affine.scale(10, -10), "EPSG:32754")
    numbers = np.random.default_rng(0).integers(1, 60_000, (2, 700, 1100)).astype(np.uint16)
    path = tmp_path / "image.tif"
    with block_writer(path, grid, bands=2, dtype="uint16", apart=True) as write:
        write(Window(0, 0, 700, 1100), numbers)
    add_overviews(path, "average")
    with rasterio.open(path) as image:
        assert image.overviews(1) == image.overviews(2) == [2, 4]
        np.testing.assert_array_equal(image.read(), numbers)
    with rasterio.open(path, overview_level=0) as half:
        means = numbers[1].reshape(350, 2, 550, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(half.read(2), means, atol=0.51)


def test_a_run_with_imagery_can_be_overwritten(run):
    write_image(run)
    argv = ["map", run.scenes[0], "-o", str(run.folder), "--units", "3", "-q", "--overwrite"]
    assert main(argv) == 0


def test_another_map_is_like_the_legend_as_edited(run, tmp_path):
    run.change(lambda _, log: log.add({"op": "rename", "unit": 1, "name": "Basalt"}))
    out = tmp_path / "second"
    argv = ["map", run.scenes[0], "-o", str(out), "--units", "3", "-q", "--scale", "0.0001"]
    assert main([*argv, "--sensor", "landsat8", "--like", str(run.folder)]) == 0
    assert "Basalt" in (out / "legend.json").read_text()


@pytest.mark.parametrize(("argv", "words"), [
    (["nowhere"], "no result of `outcrop map`"),
    (["{run}", "--basemap", "file:///etc/{z}/{x}/{y}"], "no address of tiles"),
    (["{run}", "--basemap", "https://a.example/"], "no address of tiles"),
    (["{run}", "--host", "192.0.2.1"], "cannot be listened on"),
    (["{run}", "--library", "missing.sli"], "does not exist"),
])  # fmt: skip
def test_serve_refuses_with_one_line(workbench_runs, capsys, argv, words, monkeypatch, tmp_path):
    monkeypatch.setattr("outcrop.web.serving.ASSETS", tmp_path)
    (tmp_path / "index.html").write_text("")
    argv = [a.replace("{run}", str(workbench_runs[0])) for a in argv]
    assert main(["serve", *argv, "--no-browser", "--no-imagery", "--port", "0"]) == 2
    assert words in capsys.readouterr().err


def test_serve_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr("outcrop.web.serving.ASSETS", tmp_path)
    with pytest.raises(InputError, match="page is not built"):
        check_parts()
    monkeypatch.setattr("outcrop.web.serving.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'outcrop\[web\]'"):
        serve(["out"])


def test_answers_are_sent_without_delay():
    with _listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP, "what asyncio asks before it sets TCP_NODELAY"


def test_loopback_is_told_from_the_network():
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "::1", "[::1]", "127.3.2.1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.5", "example.org")))


@pytest.mark.parametrize("coarser", [0, 1, 3])
def test_a_tile_of_the_earth_has_each_pixel_from_its_place(workbench_runs, tmp_path, coarser):
    run = open_runs([workbench_runs[0]])["utm"]
    zoom = run.place.max_zoom - coarser
    address = tile_of(run, zoom)
    x, y = (int(part) for part in address.removesuffix(".png").split("/")[-2:])
    labels = read_png(client(run, tmp_path).get(address).content)[0]
    bounds = morecantile.tms.get("WebMercatorQuad").xy_bounds(morecantile.Tile(x, y, zoom))
    size = (bounds.right - bounds.left) / 256
    middles = np.arange(256) + 0.5
    across, down = np.meshgrid(bounds.left + middles * size, bounds.top - middles * size)
    with rasterio.open(run.folder / "units.tif") as units:
        whole = units.read(1)
        to_map = Transformer.from_crs(3857, units.crs, always_xy=True)
        col, row = ~units.transform * np.array(to_map.transform(across, down))
    there = (row >= 0) & (row < whole.shape[0]) & (col >= 0) & (col < whole.shape[1])
    assert there.any()
    assert (labels[~there] == 0).all()
    expected = whole[row[there].astype(int), col[there].astype(int)]
    # From an overview a label is that of most of the pixels around.
    assert (labels[there] == expected).mean() > (0.999 if coarser == 0 else 0.6)
