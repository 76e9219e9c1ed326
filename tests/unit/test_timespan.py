"""Times of products: as they come, as they are written, and joined."""

import json

import pytest

import safe
import spectrometers
from outcrop.__main__ import main
from outcrop.opening import open_source
from outcrop.source import acquired
from outcrop.timespan import joined, parse_timespan, told


@pytest.mark.parametrize(("texts", "wanted"), [
    (("2015-07-10T14:34:35.9780720Z",), "2015-07-10T14:34:35.978072Z"),
    (("2003-05-03",), "2003-05-03"),
    (("2023-03-16T04:51:33+0000", "2023-03-16T04:51:45+0000"),
     "2023-03-16T04:51:33+0000/2023-03-16T04:51:45+0000"),
    (("2023-03-16", "2023-03-16"), "2023-03-16"),
    ((None,), ""),
    (("", ""), ""),
    (("2023-03-16", None), "2023-03-16"),
    (("yesterday",), ""),
    (("2023-03-17", "2023-03-16"), ""),
])  # fmt: skip
def test_what_is_no_time_is_not_told(texts, wanted):
    assert told(*texts) == wanted
    if wanted:
        parse_timespan(wanted)


def test_several_times_are_one_span():
    assert joined([]) is None
    assert joined(["2020-01-14T10:00:00Z"]) == "2020-01-14T10:00:00Z"
    many = ["2021-05-06T10:00:00Z", "2020-01-14", "2020-03-01T00:00:00+02:00"]
    assert joined(many) == "2020-01-14T00:00:00Z/2021-05-06T10:00:00Z"


def test_spacecraft_tell_it_each_in_their_way(tmp_path):
    for folder in ("s", "e", "n"):
        (tmp_path / folder).mkdir()
    made = [
        (safe.product(tmp_path / "s"), "2023-03-16T10:10:31.024Z"),
        (spectrometers.write_emit(tmp_path / "e")[0], "2023-03-16T04:51:33Z"),
        (
            spectrometers.write_enmap(tmp_path / "n")[0],
            "2022-07-12T09:00:01.500Z/2022-07-12T09:00:05.900Z",
        ),
    ]
    for product, when in made:
        assert acquired(open_source(str(product))) == when


@pytest.mark.real_data
@pytest.mark.parametrize(("product", "when"), [
    ("landsat_c2l2/LC08_L2SP_005009_20150710_20200908_02_T2", "2015-07-10T14:34:35.978Z"),
    ("landsat_l1/LC08_L1TP_195025_20130707_20170503_01_T1", "2013-07-07T10:17:42.166Z"),
    ("landsat_l1/LC81950252013188LGN00_precollection", "2013-07-07T10:17:42.164Z"),
    ("canon_city_tm/can_tmr.img", None),
])  # fmt: skip
def test_real_products_tell_when_they_were_taken(data, product, when):
    assert acquired(open_source(str(data / product))) == when


@pytest.mark.real_data
def test_a_product_gets_an_item_without_being_asked(data, tmp_path):
    scene = data / "landsat_c2l2" / "LC08_L2SP_005009_20150710_20200908_02_T2"
    out = tmp_path / "out"
    assert main(["map", str(scene), "-o", str(out), "--units", "3", "-q"]) == 0
    item = json.loads((out / "item.json").read_text())
    assert item["properties"]["datetime"] == "2015-07-10T14:34:35.978Z"
    assert "taken 2015-07-10" in (out / "report.html").read_text("utf-8")
    assert "datetime" not in (out / "run.toml").read_text()
