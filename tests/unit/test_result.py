"""A result in a notebook: what it shows, what it draws, and what it writes."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import rasterio

import outcrop
from outcrop.config import Recipe, Step
from outcrop.errors import InputError, OutputError
from outcrop.products.explore import Explorer
from outcrop.products.legend import Legend
from rasters import blobs, write

FAST = Recipe(
    reducer=Step("pca", {"n_components": 3}),
    clusterer=Step("kmeans", {"n_units": 4}),
    refine=(Step("majority", {"size": 3}),),
)


def scene(folder, name="scene.tif", **more):
    data, _ = blobs((80, 120), bands=6, units=4, spread=0.05)
    return outcrop.open_scene(write(folder / name, np.round(data * 1e4).astype("i2"), **more),
                              sensor="landsat8", scale=1e-4, offset=0)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    cube = scene(folder)
    return cube, outcrop.map_units(cube, FAST, folder / "out")


@pytest.fixture
def result(made, tmp_path):
    """A copy to name units in."""
    return outcrop.open_result(shutil.copytree(made[1].folder, tmp_path / "copy"))


def test_a_result_shows_its_legend(made):
    _, result = made
    text, page = repr(result), result._repr_html_()
    assert "4 spectral units of scene: 9,600 pixels, 100.0% of the scene" in text
    for unit in result.legend.units:
        assert re.search(rf"{unit.number}  {unit.name} +{unit.area / 1e6:.2f} km²", text)
        assert f"background:{unit.colour}" in page
        assert f"mean spectrum of unit {unit.number}" in page
    assert page.count("<tr>") == 1 + 4
    assert "units, mean reflectance of 6 bands" in repr(result.legend)
    assert result.legend._repr_html_() in page


def test_a_model_shows_its_steps_and_bands(made):
    shown = repr(outcrop.Model.load(made[1].folder))
    assert shown.startswith("StandardScaler > NoSmoother > PCA > KMeans, fitted on B2, B3"), shown
    assert "Unit 4" in shown


def test_a_legend_tells_how_sure_its_units_are(made):
    legend = made[1].legend
    plain = [replace(u, extra={}) for u in legend.units]
    rated = [replace(u, extra={"mean_confidence": 80.4 + u.number}) for u in plain[:3]]
    shown = Legend.of([*rated, plain[3]], legend.bands)
    assert "25.0 %  81 % sure" in repr(shown)
    assert repr(shown).count("sure") == 3
    assert ">confidence</th>" in shown._repr_html_()
    assert ">83 %</td>" in shown._repr_html_()
    assert "confidence" not in Legend.of(plain, legend.bands)._repr_html_()


def test_a_recipe_shows_its_toml():
    page = outcrop.load_recipe()._repr_html_()
    assert "[clusterer]\nname = &quot;student&quot;" in page


def test_names_are_written_and_followed(result):
    named = result.name_units({2: "red beds", 4: "<b>bold & white"})
    assert [u.name for u in named.legend.units] == ["Unit 1", "red beds", "Unit 3",
                                                    "<b>bold & white"]  # fmt: skip
    assert "&lt;b&gt;bold &amp; white" in named._repr_html_()
    assert "<b>bold" not in named._repr_html_()
    assert outcrop.open_result(result.folder).legend == named.legend
    stored = json.loads((result.folder / "legend.json").read_text())
    assert stored["units"][1]["name"] == "Unit 2", "the units stay as they were mapped"
    assert [e["op"] for e in stored["edits"]["done"]] == ["rename", "rename"]


@pytest.mark.parametrize(("names", "told"), [
    ({9: "x"}, "no unit 9"), ({1: " "}, "cannot be empty"), ({1: "x" * 201}, "200 letters"),
])  # fmt: skip
def test_a_name_that_cannot_be_leaves_the_legend(result, names, told):
    before = (result.folder / "legend.json").read_bytes()
    with pytest.raises(InputError, match=told):
        result.name_units({2: "good", **names})
    assert (result.folder / "legend.json").read_bytes() == before


def test_the_named_map_is_exported_and_applied(result, made, tmp_path):
    cube, _ = made
    result.name_units({2: "red beds"})
    legend = outcrop.export_map(result, tmp_path / "named")
    assert [u.name for u in legend.units][1] == "red beds"
    assert outcrop.open_result(tmp_path / "named").legend == legend
    assert "red beds" in (tmp_path / "named" / "units.tif.aux.xml").read_text()
    again = outcrop.apply_units(result, cube, tmp_path / "again")
    assert (again.units.values == result.units.values).all()
    by_folder = outcrop.apply_units(result.folder, cube, tmp_path / "by_folder")
    assert (by_folder.units.values == result.units.values).all()


def test_a_folder_that_is_no_result(tmp_path):
    with pytest.raises(InputError, match=r"is no result: it has no units\.tif"):
        outcrop.open_result(tmp_path)


def test_what_was_done_in_the_workbench_shows_in_a_notebook(result, tmp_path):
    """Merged, split and hidden: legend, pixels, plot and page are those of an export."""
    path = result.folder / "legend.json"
    facts, mapped = json.loads(path.read_text()), result.units.values
    # A unit of which a rectangle of pixels is split off, in the map's CRS.
    rows, cols = slice(10, 50), slice(20, 90)
    inside = np.zeros(mapped.shape, bool)
    inside[rows, cols] = True
    whole = int(np.argmax(np.bincount(mapped[inside])))
    merged, into, hidden = (n for n in (1, 2, 3, 4) if n != whole)
    with rasterio.open(result.folder / "units.tif") as dataset:
        corners = [(20, 10), (90, 10), (90, 50), (20, 50), (20, 10)]
        ring = [list(dataset.transform * corner) for corner in corners]
    part = {
        "pixels": int((inside & (mapped == whole)).sum()),
        "area": 1.0,
        "mean": None,
        "sd": None,
    }
    done = [
        {"op": "merge", "into": into, "units": [merged]},
        {"op": "rename", "unit": into, "name": "both"},
        {"op": "split", "unit": whole, "new": 9, "name": "part", "colour": "#123456", "part": part,
         "polygon": {"type": "Polygon", "coordinates": [ring]}},
        {"op": "hide", "unit": hidden, "hidden": True},
    ]  # fmt: skip
    path.write_text(json.dumps({**facts, "edits": {"schema": 1, "done": done, "undone": []}}))
    want = mapped.copy()
    want[inside & (mapped == whole)] = 9
    want[mapped == merged] = into
    want[mapped == hidden] = 0
    opened = outcrop.open_result(result.folder)
    assert [u.number for u in opened.legend.units] == sorted([into, whole, 9])
    assert {u.number: u.pixels for u in opened.legend.units} == {
        n: int((want == n).sum()) for n in (into, whole, 9)}  # fmt: skip
    assert (opened.units.values == want).all()
    assert (opened.units[13:50:3, 70:5:-2].values == want[13:50:3, 70:5:-2]).all()
    assert int(opened.units[20, 30]) == want[20, 30]
    assert opened.units.rio.crs == result.units.rio.crs
    outcrop.export_map(opened, tmp_path / "files")
    assert (outcrop.open_result(tmp_path / "files").units.values == want).all()
    seen, coloured = drawn(opened.plot()), {u.colour for u in result.legend.units}
    assert seen >= {u.colour for u in opened.legend.units}
    assert len(seen & coloured) == 2, "what was merged and hidden is gone"
    told = repr(opened)
    assert told.startswith("3 spectral units of scene:")
    assert f"{(want > 0).mean():.1%} of the scene" in told
    assert "note: shown as edited; the files are as mapped" in told
    assert "both" in opened.explore().page
    with rasterio.open(result.folder / "units.tif") as dataset:
        assert (dataset.read(1) == mapped).all(), "the file stays as it was mapped"
    with pytest.raises(InputError, match="merged away"):
        opened.name_units({merged: "gone"})


def drawn(figure):
    """Return the colours inside the map of a figure, without those of ink."""
    figure.canvas.draw()
    axes = next(a for a in figure.axes if a.get_label() != "panel")
    box = axes.get_window_extent().padded(-6)
    picture = np.asarray(figure.canvas.buffer_rgba())[::-1]
    inside = picture[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1), :3]
    colours, counts = np.unique(inside.reshape(-1, 3), axis=0, return_counts=True)
    return {"#{:02x}{:02x}{:02x}".format(*c) for c, n in zip(colours, counts, strict=True)
            if n > 100}  # fmt: skip


def test_the_plot_has_the_units_in_their_colours(result):
    named = result.name_units({2: "red beds"})
    figure = named.plot()
    assert drawn(figure) == {u.colour for u in named.legend.units}
    texts = {t.get_text() for axes in figure.axes for t in axes.texts}
    assert {"scene", "4 spectral units", "red beds"} <= texts
    assert "Wadi" in {t.get_text() for a in named.plot("Wadi").axes for t in a.texts}


def test_a_notebook_shows_the_plot_without_pyplot(result):
    assert result.plot()._repr_png_().startswith(b"\x89PNG")


def test_the_explorer_is_one_page_that_asks_for_nothing(made, tmp_path):
    cube, result = made
    shown = result.explore(cube)
    page = shown.save(tmp_path / "map.html").read_text("utf-8")
    assert page == shown.page
    assert not re.findall(r"(?:src|href)=|@import|url\(|https?://|fetch\(|import\(", page)
    assert page.count("data:image/png;base64,") == page.count("data:image/webp;base64,") == 1
    assert 'sandbox="allow-scripts"' in shown._repr_html_()
    assert "data:image/webp" not in result.explore().page
    assert "<h1>Wadi &amp; hills</h1>" in result.explore(title="Wadi & hills").page
    with pytest.raises(OutputError, match="cannot be written"):
        shown.save(tmp_path / "none" / "map.html")


def test_the_explorer_wants_the_cube_of_the_map(made):
    cube, result = made
    with pytest.raises(InputError, match=r"80 x 100 pixels and the map 80 x 120"):
        result.explore(cube[:, :, :100])


def facts_of(page):
    return json.loads(re.search(r"const facts = (.*);", page)[1])


def test_the_explorer_of_a_map_from_south_to_north_is_upright(tmp_path):
    from affine import Affine

    south_up = Affine(30, 0, 600000, 0, 30, 6600000)
    cube = scene(tmp_path, transform=south_up)
    result = outcrop.map_units(cube, FAST, tmp_path / "out")
    facts = facts_of(result.explore().page)
    top = np.array(facts["transform"])
    grid = rasterio.open(result.folder / "units.tif").transform
    stored_up = grid.e > 0
    assert top.tolist() == [30, 0, 600000, 0, -30, 6600000 + 80 * 30], stored_up
    assert facts["placed"]


def test_a_name_cannot_leave_the_script(result):
    named = result.name_units({1: "</script><img src=x onerror=alert(1)>"})
    page = named.explore().page
    assert page.count("</script>") == 1
    assert facts_of(page)["units"][0]["name"].startswith("</script>")
    assert isinstance(named.explore(), Explorer)
