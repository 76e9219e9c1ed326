"""The whole road in one test: a scene with known units in, a correct map with its legend out."""

import json

import numpy as np
import rasterio

from outcrop.__main__ import main
from rasters import blobs, write


def test_minimal(tmp_path, capsys):
    data, truth = blobs((70, 90), bands=6, units=3)
    scene = write(tmp_path / "scene.tif", np.round(data * 1e4).astype("u2"), nodata=0)
    reference = write(tmp_path / "truth.tif", truth, nodata=0)
    out = tmp_path / "out"
    assert main(["map", scene, "-o", str(out), "--sensor", "landsat8", "--units", "3"]) == 0
    assert "3 units" in capsys.readouterr().out

    with rasterio.open(out / "units.tif") as units:
        assert units.dtypes == ("uint8",)
        assert units.nodata == 0
        assert units.crs.to_epsg() == 32754
        assert units.shape == (70, 90)
        assert units.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        colours = units.colormap(1)
    legend = json.loads((out / "legend.json").read_text())
    for unit in legend["units"]:
        assert "#{:02x}{:02x}{:02x}".format(*colours[unit["number"]][:3]) == unit["colour"]
        assert unit["area"] == unit["pixels"] * 900
    means = [np.mean(u["mean"]) for u in legend["units"]]
    assert means == sorted(means), "unit numbers run from dark to bright"

    assert main(["evaluate", str(out), reference, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["n"] == 70 * 90
    assert scores["overall_accuracy"] > 0.99
    for name in ("metrics.json", "run.toml", "units.qml", "units.sld", "units.tif.aux.xml",
                 "units.gpkg", "map.png", "report.html",
                 "model/model.json", "model/model.safetensors"):  # fmt: skip
        assert (out / name).stat().st_size > 0
