"""Values that no reflectance can have: clipped, floored and counted, the same for any block."""

import json

import numpy as np
import pytest
import rasterio

from outcrop.__main__ import main
from outcrop.config import load_recipe
from outcrop.measuring import KINDS
from outcrop.odd_values import value_notes
from rasters import blobs, write


def odd_scene(tmp_path, shape=(60, 80)):
    data, _ = blobs(shape, bands=4)
    data[0, 5:10, :7] = 1.2
    data[1, 20:22, :5] = -0.05
    data[2, 30, :3] = 1e-4
    data[:, 50:, 70:] = np.nan
    return write(tmp_path / "odd.tif", data.astype("f4"), nodata=float("nan"))


def mapped(path, out, *options):
    code = main(["map", path, "-o", str(out), "--bands", "B2,B3,B4,B5", "--sensor", "landsat8",
                 "--scale", "1", "--units", "3", "-q", *options])  # fmt: skip
    assert code == 0
    return json.loads((out / "metrics.json").read_text())


def test_counts_by_band(tmp_path):
    odd = mapped(odd_scene(tmp_path), tmp_path / "out")["odd_values"]
    assert set(odd) == set(KINDS)
    assert {k: v["pixels"] for k, v in odd["above_1"].items()} == {"B2": 35}
    assert {k: v["pixels"] for k, v in odd["not_positive"].items()} == {"B3": 10}
    assert {k: v["pixels"] for k, v in odd["floored"].items()} == {"B3": 10, "B4": 3}
    assert odd["above_1"]["B2"]["share"] == pytest.approx(35 / (60 * 80 - 100))


def test_the_user_is_told_where_it_matters(tmp_path):
    data, _ = blobs((40, 50), bands=4)
    data[0, :4] = 1.1
    path = write(tmp_path / "s.tif", data.astype("f4"))
    metrics = mapped(path, tmp_path / "out")
    assert any("above 1 and taken as 1: B2 10.0%" in n for n in metrics["notes"])
    assert "Values that were changed" in (tmp_path / "out" / "report.html").read_text()


def test_clipping_is_what_clipped_values_give(tmp_path):
    data, _ = blobs((40, 50), bands=4)
    data[0, :4] = 1.3
    one = write(tmp_path / "a.tif", data.astype("f4"))
    two = write(tmp_path / "b.tif", np.clip(data, 0, 1).astype("f4"))
    for path, name in ((one, "one"), (two, "two")):
        mapped(path, tmp_path / name)
    first, second = (rasterio.open(tmp_path / n / "units.tif").read(1) for n in ("one", "two"))
    np.testing.assert_array_equal(first, second)


def test_what_is_no_reflectance_is_not_clipped(tmp_path):
    data, _ = blobs((40, 50), bands=4)
    path = write(tmp_path / "percent.tif", (data * 100).astype("f4"))
    metrics = mapped(path, tmp_path / "out")
    assert any("nothing is clipped" in n for n in metrics["notes"])
    assert load_recipe(tmp_path / "out" / "run.toml").preprocess.clip is False
    assert metrics["units"] == 3


def test_the_same_for_any_block(tmp_path):
    rng = np.random.default_rng(3)
    data, _ = blobs((700, 1100), bands=4)
    odd = rng.random(data.shape) < 0.01
    data[odd] = rng.uniform(-0.2, 1.4, odd.sum())
    path = write(tmp_path / "s.tif", data.astype("f4"), tiled=True, blockxsize=256, blockysize=256)
    results = [
        mapped(path, tmp_path / f"o{i}", "--block", str(block), "--threads", str(threads),
               "--sample", "5000", "--indices", "all")
        for i, (block, threads) in enumerate([(512, 1), (1024, 2)])
    ]  # fmt: skip
    for key in ("odd_values", "indices"):
        assert results[0][key] == results[1][key]
    one, two = ((tmp_path / f"o{i}" / "indices.tif").read_bytes() for i in (0, 1))
    assert one == two


def test_a_note_names_a_dozen_bands():
    facts = {"not_positive": {f"b{i}": {"pixels": 5, "share": 0.5} for i in range(40)}}
    (note,) = value_notes(facts, clip=True)
    assert note.endswith("b11 50.0% and 28 more bands")
