"""Decoded tiles: what is remembered, and what stored numbers mean."""

import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from outcrop import tiles
from outcrop.engine import cut, in_stripes
from outcrop.sensors.generic import open_raster
from outcrop.source import Window
from outcrop.tiles import Owner, Tiles, pieces, tile_shape, to_values


def raster(path, data, block, nodata=None):
    profile = {"driver": "GTiff", "dtype": data.dtype, "count": len(data), "nodata": nodata,
               "height": data.shape[1], "width": data.shape[2], "tiled": True,
               "blockxsize": block, "blockysize": block, "compress": "deflate"}  # fmt: skip
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(data)
    return open_raster(str(path))


@pytest.mark.parametrize("block", [128, 512, 1024])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_any_window_is_what_is_stored(tmp_path, block, dtype):
    data = np.random.default_rng(0).integers(0, 99, (3, 1100, 1300)).astype(dtype)
    source = raster(tmp_path / "a.tif", data, block, nodata=7)
    expected = np.where(data == 7, np.nan, data.astype(np.float32))
    for window in (Window(0, 0, 1100, 1300), Window(500, 490, 30, 45), Window(1090, 1290, 10, 10)):
        for _ in range(2):
            np.testing.assert_array_equal(source.read(window), expected[:, *window.slices])


def test_a_source_does_not_see_what_another_decoded(tmp_path):
    data = np.ones((3, 64, 64), np.uint16)
    window = Window(0, 0, 64, 64)
    assert (raster(tmp_path / "a.tif", data, 64).read(window) == 1).all()
    assert (raster(tmp_path / "a.tif", data + 1, 64).read(window) == 2).all()


def test_the_least_recently_used_is_forgotten():
    kept, decoded = Tiles(most=3000), []

    def get(name):
        return kept.get((0, name), lambda: decoded.append(name) or np.zeros(1000, np.uint8))

    for name in "abcadae":
        get(name)
    assert decoded == ["a", "b", "c", "d", "e"]
    get("b")
    assert decoded[-1] == "b"


def test_nothing_is_left_of_what_is_emptied():
    kept, decoded = Tiles(most=3000), []
    for _ in range(2):
        kept.get((0, "a"), lambda: decoded.append(1) or np.zeros(2000, np.uint8))
        kept.empty()
    assert len(decoded) == 2
    for name in "bcb":  # what was let go counts no more
        kept.get((0, name), lambda: decoded.append(1) or np.zeros(1500, np.uint8))
    assert len(decoded) == 4


def test_an_owner_takes_its_tiles_along(monkeypatch):
    kept = Tiles()
    monkeypatch.setattr(tiles, "TILES", kept)
    owner, times = Owner(), []
    copy, name = pickle.loads(pickle.dumps(owner)), owner.name
    for _ in range(2):
        kept.get((name, "a"), lambda: times.append(1) or np.zeros(9))
    del owner
    kept.get((copy.name, "a"), lambda: times.append(1) or np.zeros(9))
    assert len(times) == 1, "a copy is there"
    del copy
    kept.get((name, "a"), lambda: times.append(1) or np.zeros(9))
    assert len(times) == 2


def test_a_tile_is_decoded_once_for_all_threads():
    kept, started, go, times = Tiles(), threading.Event(), threading.Event(), []

    def decode():
        times.append(1)
        started.set()
        assert go.wait(10)
        return np.arange(3)

    found = []
    threads = [threading.Thread(target=lambda: found.append(kept.get((0, "a"), decode)))
               for _ in range(2)]  # fmt: skip
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    go.set()
    for thread in threads:
        thread.join()
    assert len(times) == 1
    assert found[0] is found[1]


def test_an_error_is_not_remembered():
    kept = Tiles()

    def fail():
        raise OSError("torn")

    for _ in range(2):
        with pytest.raises(OSError, match="torn"):
            kept.get((0, "a"), fail)
    assert kept.get((0, "a"), lambda: np.ones(1)).sum() == 1


def test_what_is_no_tile():
    assert tile_shape((512, 512), 20) == (512, 512)
    assert tile_shape((200, 100), 20) == (600, 600)
    assert tile_shape((1, 900), 20) == (512, 900)
    assert tile_shape((1, 9000), 20) is None
    assert tile_shape((512, 512), 4000) is None


def test_pieces_cover_a_window_once():
    seen = np.zeros((70, 55), int)
    for (row, col, height, width), inside, outside in pieces((30, 40, 70, 55), (32, 64), (100, 95)):
        seen[outside] += 1
        assert row % 32 == 0
        assert col % 64 == 0
        assert np.zeros((height, width))[inside].shape == seen[outside].shape
        assert (30 + outside[0].start, 40 + outside[1].start) == (
            row + inside[0].start, col + inside[1].start
        )  # fmt: skip
    assert (seen == 1).all()


@pytest.mark.parametrize(("dtype", "nodata"), [("uint8", -9999.0), ("int16", -9999.0),
                                               ("uint8", 0.5), ("float32", np.nan)])  # fmt: skip
def test_what_stored_numbers_mean(dtype, nodata):
    stored = np.array([0, 1, 50, 100, 101]).astype(dtype)
    if dtype == "int16":
        stored[0] = -9999
    out = np.empty(5, np.float32)
    to_values(stored, out, scale=0.5, offset=-1.0, nodata=nodata, valid=(1, 100))
    np.testing.assert_array_equal(out, np.float32([np.nan, -0.5, 24, 49, np.inf]))


def test_a_scale_can_be_too_large():
    out = np.empty(2, np.float32)
    stored = np.array([0, 9], np.uint8)
    to_values(stored, out, scale=1e38, offset=0.0, nodata=None, valid=None)
    np.testing.assert_array_equal(out, np.float32([0, np.nan]))


def test_blocks_go_down_stripes():
    blocks = cut((5000, 20000))
    order = in_stripes(blocks, 10)
    assert sorted(b.index for b in order) == list(range(len(blocks)))
    assert [b.core.col for b in order[:6]] == [0, 1024, 2048, 3072, 4096, 0]
    narrow = cut((5000, 3000))
    assert in_stripes(narrow, 10) == narrow
    assert in_stripes([], 10) == []
    odd = replace(blocks[0], core=Window(0, 0, 512, 20000))
    assert in_stripes([odd], 500) == [odd]
