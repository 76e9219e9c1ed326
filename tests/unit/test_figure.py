"""The pictures: what is drawn, where, and that it is the same every time."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from outcrop.products.colours import unit_colours
from outcrop.products.figure import map_figure, to_png, to_svg, with_letters
from outcrop.products.frame import Frame
from outcrop.products.legend import Legend, Unit
from outcrop.sensors.base import Band

UTM = GeoBox((60, 80), Affine(30, 0, 600_000, 0, -30, 6_550_000), "EPSG:32754")


def legend_of(count, bands=4, wavelengths=True, sd=True):
    random = np.random.default_rng(count)
    means = random.random((count, bands))
    colours = unit_colours(means)
    records = [
        Band(f"B{i + 1}", 0.5 + 0.3 * i if wavelengths else None, quantity="reflectance")
        for i in range(bands)
    ]
    spread = (0.05,) * bands if sd else ()
    units = [
        Unit(i + 1, f"Unit {i + 1}", colours[i], 10, None, 1 / count, tuple(means[i]), spread)
        for i in range(count)
    ]
    return Legend.of(units, records)


def labels_of(count, shape=(60, 80)):
    labels = np.kron(
        np.random.default_rng(0).integers(0, count + 1, (shape[0] // 10, shape[1] // 10)),
        np.ones((10, 10), int),
    )
    return labels.astype(np.uint8)


def words(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts]


@pytest.mark.parametrize(("name", "shown"), [
    ("Dakota Sandstone", "Dakota Sandstone"),
    ("Niobrara Formation, chalk and limestone", "Niobrara Formation,\nchalk and limestone"),
    ("Niobrara Formation, chalk and limestone of the Smoky Hill",
     "Niobrara Formation,\nchalk and limestone of…"),
    ("Bajo-de-la-Alumbrera-Ignimbrite", "Bajo-de-la-Alumbrera-\nIgnimbrite"),
    ("$x$ and a name that is long", "\\$x\\$ and a name that is\nlong"),
])  # fmt: skip
def test_the_names_of_a_legend_are_whole_in_two_lines(name, shown):
    legend = legend_of(3)
    named = Legend.of(
        (dataclasses.replace(legend.units[0], name=name), *legend.units[1:]), legend.bands
    )
    assert shown in words(map_figure(labels_of(3), named, grid=UTM))


def test_the_map_has_all_that_a_map_needs():
    figure = map_figure(labels_of(5), legend_of(5), grid=UTM, title="A $scene$", subtitle="TM")
    text = words(figure)
    for wanted in ["A \\$scene\\$", "TM", "Legend", "Unit 3", "20.0 %", "Not mapped", "N", "0"]:
        assert wanted in text, wanted
    assert any(t.endswith((" m", " km")) for t in text)
    assert "WGS 84 / UTM zone 54S\nEPSG:32754" in text
    axes = figure.axes[0]
    assert axes.get_xlabel() == "Easting (m)"
    assert axes.get_xlim() == (600_000, 602_400)
    assert axes.get_ylim() == (6_548_200, 6_550_000)


def test_without_crs_there_are_rows_and_columns_only():
    figure = map_figure(labels_of(5), legend_of(5))
    assert "N" not in words(figure)
    assert not any(t.endswith((" m", " km")) for t in words(figure))
    assert "No coordinate reference system" in " ".join(words(figure))
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Column", "Row")
    assert axes.get_ylim() == (60, 0)
    # A local grid without a CRS is drawn by row and column too; overviews keep the numbers.
    local = GeoBox((600, 800), Affine(2, 0, 50, 0, -2, 90), None)
    for step in (10, None):
        axes = map_figure(labels_of(5), legend_of(5), grid=local, step=step).axes[0]
        assert axes.get_xlim() == (0, 800)
        assert axes.get_ylim() == (600, 0)
    # A part of a scene without a CRS keeps the scene's columns and rows, as read and as written.
    for place in (Affine(1, 0, 100, 0, 1, 50), Affine(1, 0, 100, 0, -1, -50)):
        part = GeoBox((60, 80), place, None)
        axes = map_figure(labels_of(5), legend_of(5), grid=part).axes[0]
        assert axes.get_xlim() == (100, 180)
        assert axes.get_ylim() == (110, 50)


def test_units_without_a_pixel_are_left_out_and_no_data_too_where_there_is_none():
    legend = legend_of(3)
    gone = dataclasses.replace(legend.units[1], pixels=0)
    legend = Legend.of([legend.units[0], gone, legend.units[2]], legend.bands)
    text = words(map_figure(np.ones((40, 40), np.uint8), legend, grid=UTM))
    assert "Unit 1" in text
    assert "Unit 2" not in text
    assert "Not mapped" not in text


def test_colours_on_paper_are_those_of_the_legend():
    legend = legend_of(4)
    labels = np.repeat([[1, 2], [3, 4]], 40, axis=0).repeat(40, axis=1).astype(np.uint8)
    figure = map_figure(labels, legend, grid=GeoBox((80, 80), UTM.affine, UTM.crs))
    picture = np.asarray(Image.open(io.BytesIO(to_png(figure))).convert("RGB"))
    box = figure.axes[0].get_position()
    height, width = picture.shape[:2]
    for number, (x, y) in enumerate([(0.25, 0.75), (0.75, 0.75), (0.25, 0.25), (0.75, 0.25)], 1):
        row = int(height * (1 - (box.y0 + y * box.height)))
        column = int(width * (box.x0 + x * box.width))
        colour = legend.units[number - 1].colour
        assert "#{:02x}{:02x}{:02x}".format(*picture[row, column]) == colour


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:3031", "EPSG:2264"])
def test_the_ground_is_measured_on_the_ellipsoid(crs):
    at = {
        "EPSG:32633": (30, 500_000, 5_000_000, 3000, 0),
        "EPSG:4326": (0.001, 15, 60.05, 100 * 55.8, 0),
        "EPSG:3857": (30, 0, 8_399_738 + 1500, 3000 * 0.5, 0),
        # 45 degrees east, and north is away from the southern pole at the origin.
        "EPSG:3031": (30, 1_400_000, 1_400_000, 3000, 45),
        "EPSG:2264": (100, 2_000_000, 600_000, 100 * 100 * 0.3048, 0),
    }[crs]
    size, x, y, metres, bearing = at
    frame = Frame((100, 100), (size, 0.0, x, 0.0, -size, y), crs)
    found, north = frame.ground
    assert found == pytest.approx(metres, rel=0.03)
    assert north == pytest.approx(bearing, abs=3)


def test_geographic_maps_are_drawn_as_wide_as_the_ground():
    frame = Frame((100, 100), (0.01, 0.0, 15.0, 0.0, -0.01, 60.5), "EPSG:4326")
    assert frame.height / frame.width == pytest.approx(2, rel=0.01)


def test_a_rotated_grid_is_drawn_in_its_coordinates():
    turned = GeoBox((60, 80), UTM.affine @ Affine.rotation(30), UTM.crs)
    axes = map_figure(labels_of(3), legend_of(3), grid=turned).axes[0]
    corners = turned.extent.exterior.points
    assert axes.get_xlim() == pytest.approx(
        (min(c[0] for c in corners), max(c[0] for c in corners))
    )


@pytest.mark.parametrize(("count", "shape"), [(1, (10, 10)), (30, (20, 300)), (254, (300, 20))])
def test_few_and_many_units_and_odd_shapes(count, shape):
    figure = map_figure(labels_of(count, shape), legend_of(count), title="T")
    width, height = figure.get_size_inches()
    assert width < 20
    assert height < 12
    assert ("and 194 more units" in words(figure)) == (count == 254)
    assert to_png(figure)[:4] == b"\x89PNG"


def test_png_and_svg_are_the_same_every_time():
    def draw():
        return map_figure(labels_of(5), legend_of(5), grid=UTM, title="T")

    assert to_png(draw()) == to_png(draw())
    svg = to_svg(draw())
    assert svg == to_svg(draw())
    assert svg.lstrip().startswith("<?xml")
    assert "dc:date" not in svg


def test_the_global_state_of_matplotlib_stays_unused():
    code = (
        "import sys, numpy as np, outcrop.products.figure as f\n"
        "from outcrop.products.legend import Legend, Unit\n"
        "assert not {'matplotlib', 'scipy', 'rasterio'} & set(sys.modules)\n"
        "f.to_png(f.map_figure(np.zeros((4, 4), 'u1'), Legend.of([], [])))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_letters_that_no_font_has_are_said_once_and_not_by_matplotlib(caplog, recwarn):
    figure = map_figure(labels_of(2), legend_of(2), title="地図 Grès")
    # U+10FFFD is for private use: no font has it, wherever the test runs.
    figure.texts.clear()
    figure.axes[0].set_xlabel("\U0010fffd")
    assert to_png(figure, dpi=30)[:4] == b"\x89PNG"
    assert not [w for w in recwarn if "Glyph" in str(w.message)]
    assert sum("no installed font" in r.getMessage() for r in caplog.records) <= 1
    assert with_letters(map_figure(labels_of(2), legend_of(2), title="Grès, Ω")) == ""
