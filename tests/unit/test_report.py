"""The page: whole, self-contained, with headings in order and ids that come once."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from outcrop.__main__ import main
from outcrop.products.report import scale_bar
from outcrop.products.report_words import three_digits
from rasters import blobs, write


class Page(HTMLParser):
    """What a reader of the page meets."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.levels, self.images, self.links, self.headers = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.images += [given] if tag == "img" else []
        self.links += [given["href"]] if "href" in given else []
        self.headers += [given] if tag == "th" else []


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    data, truth = blobs((70, 90), bands=6, units=4)
    scene = write(folder / "scene.tif", np.round(data * 1e4).astype("u2"), nodata=0)
    reference = write(folder / "truth.tif", truth, nodata=0)
    argv = ["map", scene, "-o", str(folder / "out"), "--sensor", "landsat8", "--scale", "1e-4"]
    assert main([*argv, "--units", "4", "-q", "--title", "Grès & <marl>"]) == 0
    return folder / "out", reference


def test_the_page_asks_for_nothing_outside_itself(run):
    text = (run[0] / "report.html").read_text("utf-8")
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)
    assert all(image["alt"] for image in page.images)
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert all(header.get("scope") in ("row", "col") for header in page.headers)
    assert page.levels[0] == 1
    assert all(b - a <= 1 for a, b in zip(page.levels, page.levels[1:], strict=False))
    assert "<script" not in text
    assert "Grès &amp; &lt;marl&gt;" in text
    assert not re.search(r"url\(|@import|src=\"http", text)


def test_each_unit_has_a_card_with_its_place_and_its_spectrum(run):
    text = (run[0] / "report.html").read_text("utf-8")
    for number in range(1, 5):
        assert f'id="card-{number}"' in text
        assert f'id="unit-{number}-title"' in text
    assert text.count("Where unit") == 4
    assert "Decorrelation stretch" in text
    assert "1 km" in text or "500 m" in text


def test_numbers_stand_on_the_map_and_no_folder_is_told(run):
    folder, _ = run
    text = (folder / "report.html").read_text("utf-8")
    on_map = re.findall(
        r'<b aria-hidden="true" style="left:([\d.]+)%;top:([\d.]+)%">(\d+)</b>', text
    )
    assert {number for *_, number in on_map} == {"1", "2", "3", "4"}
    assert all(0 < float(v) < 100 for *places, _ in on_map for v in places)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert str(folder.parent) in metrics["scene"]
    settings = text.index('id="settings"')
    assert str(folder.parent) not in text[:settings], "settings alone name the files in full"


def test_measures_have_three_digits_and_no_exponent():
    told = [three_digits(v) for v in (0.13, 12.0, 0.0937, 123.4, 94810.66, -0.0334)]
    assert told == ["0.130", "12.0", "0.0937", "123", "94,811", "-0.0334"]


def test_it_cites_what_made_the_map(run):
    text = (run[0] / "report.html").read_text("utf-8")
    for source in ("Peel and McLachlan (2000)", "Besag (1986)", "Nagar"):
        assert source in text
    assert "Kruse" not in text


def test_a_reference_adds_accuracy_to_the_page_once(run, capsys):
    out, reference = run
    before = (out / "report.html").read_text("utf-8")
    assert 'id="accuracy"' not in before
    assert main(["evaluate", str(out), reference]) == 0
    assert (out / "report.html").read_text("utf-8") == before
    for _ in range(2):
        assert main(["evaluate", str(out), reference, "--report"]) == 0
    after = (out / "report.html").read_text("utf-8")
    assert after.count('id="accuracy"') == 1
    assert "truth.tif" in after
    scores = json.loads((out / "accuracy.json").read_text())
    assert scores["overall_accuracy"] > 0.99
    assert f"{scores['overall_accuracy']:.3f}" in after
    assert len(Page(after).ids) == len(set(Page(after).ids))
    # A run with accuracy is still a run, to be replaced.
    capsys.readouterr()
    scene = str(out.parent / "scene.tif")
    argv = ["map", scene, "-o", str(out), "--units", "3", "--overwrite", "-q"]
    assert main([*argv, "--sensor", "landsat8"]) == 0
    assert not (out / "accuracy.json").exists()


def test_accuracy_needs_a_report(tmp_path, capsys):
    labels = np.ones((20, 20), "u1")
    units = write(tmp_path / "units.tif", labels, nodata=0)
    assert main(["evaluate", units, units, "--report"]) == 2
    assert "no report" in capsys.readouterr().err


@pytest.mark.parametrize(("metres", "words"), [
    (12_000, "2 km"), (900, "200 m"), (2.5e6, "500 km"), (41, "10 m"),
])  # fmt: skip
def test_the_scale_bar_is_round(metres, words):
    bar = scale_bar(metres)
    assert bar is not None
    assert bar["words"] == words
    assert 8 <= bar["share"] <= 25
    assert scale_bar(None) is None
