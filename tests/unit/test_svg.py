"""Charts as SVG: well formed, complete, and with text as text."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_figure import legend_of

from outcrop.products.charts import selection_charts, spectra_chart, training_charts, unit_chart
from outcrop.products.legend import Legend
from outcrop.products.svg import Plot, spread_apart, ticks


def read(svg):
    root = ET.fromstring(svg)
    texts = [t.text for t in root.iter("text")]
    return root, texts


@pytest.mark.parametrize("count", [1, 2, 8, 30])
@pytest.mark.parametrize(("bands", "wavelengths"), [(1, True), (6, True), (6, False), (200, True)])
def test_spectra(count, bands, wavelengths):
    legend = legend_of(count, bands, wavelengths, sd=count != 2)
    root, texts = read(spectra_chart(legend))
    assert ("Wavelength (µm)" if wavelengths else "Band, in order") in texts
    assert "Reflectance" in texts
    assert {str(i + 1) for i in range(count)} <= set(texts)
    assert ("B1" in texts) == (bands <= 40)
    assert root.get("role") == "img"
    assert root.find("title").text.startswith(f"Mean spectra of {count} units")
    for unit in legend.units:
        _, own = read(unit_chart(legend, unit))
        assert own
    assert "nan" not in spectra_chart(legend)


def test_spectra_of_bands_out_of_order_rise_in_wavelength():
    legend = legend_of(2, 3)
    legend = Legend(legend.units, legend.bands[::-1])
    root, _ = read(spectra_chart(legend))
    for line in root.iter("polyline"):
        x = [float(point.split(",")[0]) for point in line.get("points").split()]
        assert x == sorted(x)


def test_a_line_breaks_where_there_is_nothing():
    plot = Plot(100, 100, (0, 4), (0, 1))
    plot.line(np.arange(5.0), np.array([0, 1, np.nan, 0.5, 1]))
    assert plot.to_svg("a", "b").count("<polyline") == 2


def test_words_are_escaped():
    plot = Plot(100, 100, (0, 1), (0, 1))
    plot.text((1, 1), "<a> & b")
    root, texts = read(plot.to_svg("id", 'say "<b>"'))
    assert texts == ["<a> & b"]
    assert root.find("title").text == 'say "<b>"'


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.floats(1, 12))
def test_ticks_are_round_few_and_inside(low, span, about):
    found = ticks(low, low + span, about)
    assert len(found) <= 2 * about + 2
    assert all(low - 1e-6 * span <= t <= low + span * (1 + 1e-6) + 1e-9 for t in found)


def test_ticks_of_counts_are_whole():
    assert all(t == int(t) for t in ticks(2, 5, 12, whole=True))


def test_labels_that_meet_are_pushed_apart():
    places = spread_apart([1.0, 1.0, 1.1, 9.0], 1.0, 0.0, 10.0)
    assert (np.diff(places) >= 0.99).all()


def test_selection():
    k = list(range(2, 21))
    selection = {
        "k": k, "inertia": [1e6 / i for i in k], "silhouette": [None, *[0.5] * 18],
        "calinski_harabasz": [1e4] * 19, "davies_bouldin": [1.0] * 19, "bic": None,
        "chosen": 7, "rule": "elbow",
    }  # fmt: skip
    charts = selection_charts(selection)
    assert [title for title, _, _ in charts] == [
        "Sum of squared distances", "Silhouette", "Calinski-Harabasz", "Davies-Bouldin",
    ]  # fmt: skip
    for _, _, svg in charts:
        root, _ = read(svg)
        assert "7 chosen" in root.find("title").text
        assert len([c for c in root.iter("circle") if "picked" in c.get("class")]) == 1
    assert len(selection_charts({**selection, "bic": [-1e5] * 19})) == 5
    single = {"k": [5], "inertia": [3.0], "chosen": 5, "rule": "given"}
    assert len(selection_charts(single)) == 1


def test_training():
    history = [
        {"stage": s, "epoch": e, "loss": 1 / e, "held_out": None if s == "1" else 1.1 / e}
        for s in ("1", "2", "all")
        for e in range(1, 4)
    ]
    charts = training_charts(history)
    assert [stage for stage, _, _ in charts] == ["1", "2", "all"]
    assert ["held out" in reading for _, reading, _ in charts] == [False, True, True]
    assert training_charts([]) == []
