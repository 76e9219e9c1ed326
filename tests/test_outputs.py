"""Every file of a result is described: in the docs, and to the report and the STAC Item."""

from pathlib import Path

import numpy as np

from outcrop.__main__ import main
from outcrop.products.files import FILES
from rasters import blobs, write

PAGE = Path(__file__).parents[1] / "docs" / "outputs.md"


def test_every_file_is_described(tmp_path):
    data, _ = blobs((40, 60), bands=6, units=3)
    scene = write(tmp_path / "s.tif", np.round(data * 1e4).astype("u2"), nodata=0)
    argv = ["map", scene, "-o", str(tmp_path / "out"), "--units", "3", "--sensor", "landsat8", "-q",
            "--scale", "1e-4", "--indices", "all"]  # fmt: skip
    assert main([*argv, "--save-code", "--datetime", "2020-01-14"]) == 0
    written = {p.name for p in (tmp_path / "out").iterdir()}
    # Of composites, and of maps that met a reference.
    assert written | {"clear.tif", "accuracy.json"} == set(FILES)
    page = PAGE.read_text("utf-8")
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    for name in written:
        assert f"| `{name}{'/' if name == 'model' else ''}` |" in page
        assert f"<code>{name}</code>" in report
