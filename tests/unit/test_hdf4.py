"""HDF4 through pyhdf: windows, damage, and no pyhdf at all."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import aster
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.sensors import hdf4
from outcrop.sensors.base import Band
from outcrop.sensors.hdf4 import Hdf4Source, inspect_hdf4, is_hdf4
from outcrop.source import Window, file_paths

DATA = np.arange(600, dtype="u2").reshape(20, 30)


@pytest.fixture
def file(tmp_path):
    texts = {"coremetadata.0": "a", "coremetadata.1": "b", "other": "c"}
    return aster.hdf(tmp_path / "a.hdf", {"P": DATA, "Q": DATA.astype("f8")}, texts)


def source(file, **more):
    grid = GeoBox((20, 30), Affine(15, 0, 0, 0, -15, 0), "EPSG:32648")
    return Hdf4Source(str(file), "P", grid, (Band("x"),), **more)


def test_what_a_file_holds(file):
    found = inspect_hdf4(str(file))
    assert found.shapes == {"P": (20, 30), "Q": (20, 30)}
    assert found.text("coremetadata.") == "a\nb"
    assert is_hdf4(file)


def test_windows_scale_and_range(file):
    read = source(file, scale=0.5, offset=-1.0, valid=(3.0, 590.0))
    whole = read.read(Window(0, 0, 20, 30))
    expected = DATA.astype("f4") * np.float32(0.5) - np.float32(1)
    expected[DATA < 3], expected[DATA > 590] = np.nan, np.inf
    np.testing.assert_array_equal(whole[0], expected)
    part = pickle.loads(pickle.dumps(read)).read(Window(7, 11, 5, 1))
    np.testing.assert_array_equal(part[0], expected[7:12, 11:12])
    assert [Path(p).name for p in file_paths(read)] == ["a.hdf"]


def test_threads_read_what_one_reads(file):
    read = source(file)
    windows = [Window(r, c, 3, 4) for r in range(17) for c in range(26)]
    with ThreadPoolExecutor(8) as pool:
        for window, got in zip(windows, pool.map(read.read, windows), strict=True):
            np.testing.assert_array_equal(got[0], DATA[window.slices])


def test_a_file_that_was_written_again_is_read_again(file):
    read = source(file)
    read.read(Window(0, 0, 1, 1))
    aster.hdf(file.with_name("b.hdf"), {"P": DATA + np.uint16(7), "More": DATA}, {})
    file.with_name("b.hdf").replace(file)
    assert read.read(Window(0, 0, 1, 1))[0, 0, 0] == 7


@pytest.mark.parametrize("share", [0.0005, 0.02, 0.5, 0.95])
def test_a_truncated_file_is_named(file, share):
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SceneError, match="truncated or damaged"):
        inspect_hdf4(str(file))


def test_missing_files_and_planes(file, tmp_path):
    with pytest.raises(SceneError, match="does not exist"):
        inspect_hdf4(str(tmp_path / "no.hdf"))
    grid = source(file).grid
    with pytest.raises(SceneError, match=r"a\.hdf cannot be read as HDF4"):
        Hdf4Source(str(file), "No", grid, (Band("x"),)).read(Window(0, 0, 1, 1))


def test_without_pyhdf_the_extra_is_named(file, monkeypatch):
    monkeypatch.setattr(hdf4, "find_spec", lambda name: None)
    with pytest.raises(SceneError, match=r'pip install "outcrop\[aster\]"'):
        open_source(str(file))


def test_hdf4_of_another_product_is_refused(tmp_path):
    texts = {"coremetadata.0": aster.core("MOD09GA")}
    path = aster.hdf(tmp_path / "MOD09GA.hdf", {"P": DATA}, texts)
    with pytest.raises(SceneError, match="HDF4 of a product that is not known"):
        open_source(str(path))


def test_a_file_that_brings_the_library_down_is_refused(file, monkeypatch):
    monkeypatch.setattr(hdf4, "_PROBE", "import os; os.abort()")
    with pytest.raises(SceneError, match="brings the HDF4 library down"):
        inspect_hdf4(str(file))
