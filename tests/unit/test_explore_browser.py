"""The map to move about in, in a real Chromium: point, hide, zoom, fade, and ask for nothing."""

import shutil

import numpy as np
import pytest
from odc.geo.geobox import GeoBox

from outcrop.products.explore import Explorer
from outcrop.products.legend import Legend, Unit
from outcrop.sensors.base import Band

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra dev)")
BROWSER = next((p for n in ("chromium", "chromium-browser", "google-chrome")
                if (p := shutil.which(n))), None)  # fmt: skip
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
RED, BLUE = (200, 30, 40), (20, 60, 220)


def explorer(crs):
    """Return a map of two halves, 40 rows and 60 columns of 30 m, over grey imagery."""
    labels = np.ones((40, 60), np.uint8)
    labels[:, 30:] = 2
    labels[:4] = 0
    units = [
        Unit(n, name, "#{:02x}{:02x}{:02x}".format(*c), 1080, 972000.0, 0.5, (0.1, 0.2))
        for n, name, c in ((1, "red beds", RED), (2, "Unit 2", BLUE))
    ]
    legend = Legend.of(units, (Band("B1"), Band("B2")))
    from affine import Affine

    grid = GeoBox((40, 60), Affine(30, 0, 600000, 0, -30, 6600000), crs)
    grey = np.full((40, 60, 4), (100, 100, 100, 255), np.uint8)
    return Explorer.of(labels, legend, grid, 1, "two halves", grey)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser, tmp_path, request):
    """The page in a window of 860 × 400: the map is 60 × 40 pixels at a scale of 10."""
    path = explorer(getattr(request, "param", "EPSG:32754")).save(tmp_path / "map.html")
    opened = browser.new_page(viewport={"width": 848, "height": 400})
    opened.asked, opened.wrong = [], []
    opened.on("request", lambda r: opened.asked.append(r.url))
    opened.on("pageerror", lambda e: opened.wrong.append(str(e)))
    opened.goto(path.as_uri())
    opened.wait_for_function("units !== undefined")
    yield opened
    assert opened.wrong == []
    assert [u for u in opened.asked if not u.startswith(("data:", "blob:"))] == [path.as_uri()]
    opened.close()


def at(page, column, row):
    """Return the colour drawn at a place of the map."""
    return tuple(page.evaluate(
        "([c, r]) => Array.from(context.getImageData(Math.round(view.x + view.scale * c), "
        "Math.round(view.y + view.scale * r), 1, 1).data)", [column, row]))[:3]  # fmt: skip


def point(page, column, row):
    x, y = page.evaluate("([c, r]) => [view.x + view.scale * c, view.y + view.scale * r]",
                         [column, row])  # fmt: skip
    page.mouse.move(x, y)
    return page.inner_text("output")


def fade(page, value):
    page.evaluate("v => { opacity.value = v; opacity.oninput(); }", value)


def test_units_are_drawn_and_faded_into_the_imagery(page):
    fade(page, 0)
    assert at(page, 10, 20) == RED
    assert at(page, 45, 20) == BLUE
    assert at(page, 10, 2) == (100, 100, 100), "no data shows the imagery"
    fade(page, 100)
    assert at(page, 10, 20) == at(page, 45, 20) == (100, 100, 100)


def test_a_unit_is_switched_off_and_on(page):
    fade(page, 0)
    page.get_by_label("red beds").uncheck()
    assert at(page, 10, 20) == (100, 100, 100)
    assert at(page, 45, 20) == BLUE
    page.get_by_label("red beds").check()
    assert at(page, 10, 20) == RED


def test_pointing_tells_unit_and_coordinates(page):
    assert point(page, 10, 20) == "1: red beds (600300, 6599400)"
    assert page.inner_text("li.here").startswith("1 red beds")
    assert point(page, 50, 1) == "no data (601500, 6599970)"


@pytest.mark.parametrize("page", [None], indirect=True)
def test_without_a_crs_columns_and_rows_are_told(page):
    assert point(page, 45.5, 20.5) == "2: Unit 2 (column 45, row 20)"


def test_zoom_by_wheel_keys_and_buttons(page):
    whole = page.evaluate("view.scale")
    page.mouse.move(200, 200)
    before = page.inner_text("output")
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"view.scale > {whole} * 2")
    page.mouse.move(201, 200)
    page.mouse.move(200, 200)
    assert page.inner_text("output") == before, "the place under the pointer stays"
    page.get_by_role("button", name="All").click()
    assert page.evaluate("view.scale") == whole
    page.focus("canvas")
    page.keyboard.press("+")
    assert page.evaluate("view.scale") == pytest.approx(whole * 1.5)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("0")
    assert page.evaluate("view.scale") == whole


def test_dragging_moves_the_map(page):
    before = point(page, 10, 20)
    x, y = page.evaluate("[view.x, view.y]")
    page.mouse.down()
    page.mouse.move(page.evaluate("view.x + view.scale * 10 + 50"), 250, steps=4)
    page.mouse.up()
    assert page.evaluate("[view.x, view.y]") != [x, y]
    assert point(page, 10, 20) == before
