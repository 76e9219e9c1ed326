"""``outcrop search`` on a real, if small, STAC API with pages, and on static catalogs."""

import json
import re
from urllib.parse import urlencode

import pytest

from outcrop.__main__ import main
from outcrop.errors import InputError, SceneError
from outcrop.opening import open_source
from outcrop.stac.document import Document
from outcrop.stac.query import Query, parse_query, sun_of
from outcrop.stac.search import search
from rasters import write

QUERY = "https://api.stacspec.org/v1.0.0/item-search#query"


def item(number, *, day, cloud=None, sun=None, collection="sentinel-2-l2a", west=10.0):
    properties = {"datetime": f"{day}T10:00:00Z", "platform": "sentinel-2a"}
    properties |= {} if cloud is None else {"eo:cloud_cover": cloud}
    properties |= {} if sun is None else {"view:sun_elevation": sun}
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": f"item{number}", "geometry": None,
        "collection": collection, "bbox": [west, 40.0, west + 1, 41.0], "properties": properties,
        "assets": {"B02": {"href": "./B02.tif"}},
        "links": [{"rel": "self", "href": f"https://example.org/items/{number}/item.json"}],
    }  # fmt: skip


ITEMS = [
    item(1, day="2020-06-10", cloud=30, sun=60),
    item(2, day="2020-07-10", cloud=5, sun=62),
    item(3, day="2021-01-10", cloud=0, sun=20),
    item(4, day="2021-08-10", cloud=90, sun=55),
    item(5, day="2021-08-12", sun=55),
    item(6, day="2021-08-14", cloud=2),
    item(7, day="2021-08-15", cloud=1, sun=50, collection="landsat-c2-l2", west=50.0),
]


def api(site, *, conforms=(QUERY,), size=2, ring=False, items=ITEMS):
    """Serve an API whose pages hold ``size`` items; returns its address."""

    def answer(path, query):
        if path == "/api":
            return {
                "type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "x",
                "conformsTo": list(conforms), "links": [{"rel": "search", "href": "/api/search"}],
            }  # fmt: skip
        found = items
        if "collections" in query:
            found = [i for i in found if i["collection"] in query["collections"][0].split(",")]
        if "query" in query:
            most = json.loads(query["query"][0])["eo:cloud_cover"]["lte"]
            found = [i for i in found if i["properties"].get("eo:cloud_cover", 101) <= most]
        page = int(query.get("page", ["0"])[0])
        links = []
        if (page + 1) * size < len(found) or ring:
            after = 0 if ring else page + 1
            more = urlencode({k: v[0] for k, v in query.items() if k != "page"})
            links = [{"rel": "next", "href": f"{site.url}/api/search?page={after}&{more}"}]
        return {
            "type": "FeatureCollection",
            "features": found[page * size :][:size],
            "links": links,
        }

    site.api = answer
    return f"{site.url}/api"


def ids(found):
    return [i.name for i in found.items]


def test_a_search_goes_through_the_pages_and_puts_the_clearest_first(site):
    found = search(api(site), Query())
    assert ids(found) == ["item3", "item7", "item6", "item2", "item1", "item4", "item5"]
    assert found.looked_at == 7
    assert not found.stopped
    assert ids(search(api(site), Query(limit=3))) == ["item3", "item2", "item1"]


@pytest.mark.parametrize("conforms", [(), (QUERY,)])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"cloud": 30}, {"item1", "item2", "item3", "item6", "item7"}),
        ({"sun": 55}, {"item1", "item2", "item4", "item5"}),
        ({"months": "6-8", "cloud": 30}, {"item1", "item2", "item6", "item7"}),
        ({"months": "12-2"}, {"item3"}),
        ({"bbox": "49,39,52,42"}, {"item7"}),
        ({"span": "2021-01-01/2021-08-12"}, {"item3", "item4", "item5"}),
        ({"collections": "landsat-c2-l2"}, {"item7"}),
    ],
)
def test_what_fits(site, conforms, query, expected):
    asked = {"bbox": None, "span": None, "collections": None, "months": None, "cloud": None,
             "sun": None, "limit": 50, **query}  # fmt: skip
    assert set(ids(search(api(site, conforms=conforms), parse_query(**asked)))) == expected
    if "span" in query:
        assert site.queries[1]["datetime"] == ["2021-01-01T00:00:00Z/2021-08-12T23:59:59Z"]


def test_nothing_fits(site, capsys):
    assert main(["search", "--api", api(site), "--sun", "89"]) == 2
    line = capsys.readouterr().err
    assert "none of 7 items fits (6 with a lower sun, 1 that do not say how high the sun" in line
    assert main(["search", "--api", api(site, items=[]), "--bbox", "0,0,1,1"]) == 2
    assert "nothing is there or then; widen --bbox" in capsys.readouterr().err


def test_a_server_that_leads_in_a_ring_ends(site):
    assert ids(search(api(site, ring=True), Query(limit=5000))) == ["item2", "item1"]
    assert site.asked["/api/search"] == 2


@pytest.mark.parametrize("mood", [500, "cut", "silent"])
def test_an_api_that_fails_is_asked_again_and_then_named(site, mood, capsys):
    address = api(site)
    site.moods["search"] = mood
    assert main(["search", "--api", address]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"{site.url}/api/search cannot be read: ", line), line
    assert site.asked["/api/search"] == 2
    site.moods["search"] = (mood, 3)
    assert len(search(address, Query()).items) == 7


@pytest.mark.parametrize("page", [[], {"features": 3}, {"features": [3]}, {"links": [{}]},
                                  {"features": [ITEMS[0]], "links": [{"rel": "next"}]},
                                  {"features": [ITEMS[0]], "links": [
                                      {"rel": "next", "href": "file:///etc/passwd"}]},
                                  {"features": [ITEMS[0]], "links": [
                                      {"rel": "next", "href": "/etc/passwd"}]}])  # fmt: skip
def test_an_api_that_answers_nonsense(site, page):
    address = api(site)
    good = site.api
    site.api = lambda path, query: good(path, query) if path == "/api" else page
    with pytest.raises(SceneError, match=r"no list of items|on no server|nothing is there"):
        search(address, Query())


def test_the_list_is_written_whole_or_not_and_leads_to_the_assets(site, tmp_path, capsys):
    out = tmp_path / "items.json"
    assert main(["search", "--api", api(site), "--cloud", "10", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "item3" in said
    assert "4 of 4 items" in said
    content = json.loads(out.read_text())
    assert content["features"][0]["assets"]["B02"]["href"] == "https://example.org/items/3/B02.tif"
    assert main(["search", "--api", api(site), "-o", str(out)]) == 2
    assert "give --overwrite or another name" in capsys.readouterr().err
    assert main(["search", "--api", api(site), "-o", str(out), "--overwrite"]) == 0
    assert len(json.loads(out.read_text())["features"]) == 7
    out.write_text('{"mine": 1}')
    assert main(["search", "--api", api(site), "-o", str(out), "--overwrite"]) == 2
    assert out.read_text() == '{"mine": 1}'
    assert main(["search", "--api", api(site), "-o", str(tmp_path / "no" / "x.json")]) == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_static_catalog_on_disk_is_searched_and_mapped(tmp_path):
    import numpy as np

    for number in (1, 3):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        one = item(number, day=f"2020-0{number}-10", cloud=number)
        one["properties"]["s2:processing_baseline"] = "02.12"
        numbers = np.full((20, 20), 1000 * number, "u2")
        write(folder / "B02.tif", numbers, pixel=20, origin=(6e5 + 400 * number, 6.6e6))
        (folder / "item.json").write_text(json.dumps({**one, "links": []}))
    links = [{"rel": "item", "href": f"./{n}/item.json"} for n in (1, 3)]
    catalog = {"type": "Catalog", "stac_version": "1.0.0", "id": "c", "links": links}
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    whole = open_source(str(tmp_path / "catalog.json"))
    assert whole.grid.shape == (20, 60)
    out = tmp_path / "items.json"
    assert main(["search", "--api", str(tmp_path / "catalog.json"), "--months", "3",
                 "-o", str(out)]) == 0  # fmt: skip
    source = open_source(str(out))
    assert source.name == "item3"
    assert float(source.read(source_window(source))[0].mean()) == pytest.approx(0.3)
    elsewhere = tmp_path / "1" / "items.json"
    assert main(["search", "--api", str(tmp_path / "catalog.json"), "-o", str(elsewhere)]) == 2
    assert not elsewhere.exists()


def source_window(source):
    from outcrop.source import Window

    return Window(0, 0, *source.grid.shape)


@pytest.mark.parametrize(("option", "value", "says"), [
    ("--bbox", "1,2,3", "west,south,east,north"), ("--bbox", "0,10,1,5", "west,south,east,north"),
    ("--bbox", "0,nan,1,5", "west,south,east,north"), ("--months", "13", "numbers of months"),
    ("--months", "", "numbers of months"), ("--cloud", "101", "0 to 100"),
    ("--sun", "91", "-90 to 90"),
    ("--limit", "0", "from 1 to"), ("--datetime", "soon", "it must be a time"),
    ("--api", "nowhere", "neither an address"),
])  # fmt: skip
def test_options_that_are_none(option, value, says, capsys, tmp_path):
    assert main(["search", option, value, "-o", str(tmp_path / "x.json")]) == 2
    assert says in capsys.readouterr().err


def test_months_and_the_sun():
    months = parse_query(None, None, None, "11-2,6", None, None, 1).months
    assert months == {11, 12, 1, 2, 6}
    with pytest.raises(InputError):
        parse_query(None, None, None, "6-", None, None, 1)
    zenith = Document({"properties": {"s2:mean_solar_zenith": 37.5}}, "x")
    assert sun_of(zenith) == 52.5


def test_a_box_over_the_date_line(site):
    far = [item(1, day="2020-06-10", west=179.5), item(2, day="2020-06-10", west=-179.9)]
    far[0]["bbox"] = [179.5, 40, -179.5, 41]
    found = search(api(site, items=far), Query(bbox=(179.8, 39, -179.7, 42)))
    assert set(ids(found)) == {"item1", "item2"}


def test_without_the_extra(monkeypatch, tmp_path, capsys):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == "pystac_client" else real(n, *a)
    )
    assert main(["search", "-o", str(tmp_path / "x.json")]) == 2
    assert "pip install 'outcrop[stac]'" in capsys.readouterr().err
