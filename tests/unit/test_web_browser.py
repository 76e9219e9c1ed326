"""The workbench in a real Chromium: what a geologist does, step by step, and what it asks for."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import rasterio

from workbench import need_web

need_web()
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra dev)")

import outcrop.web

BROWSER = next((p for n in ("chromium", "chromium-browser", "google-chrome")
                if (p := shutil.which(n))), None)  # fmt: skip
PAGE = Path(outcrop.web.__file__).parent / "static" / "index.html"
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)"),
    pytest.mark.skipif(
        not (PAGE.is_file() and (PAGE.parent / "assets").is_dir()),
        reason="needs the workbench's page (npm ci && npm run build in web/)",
    ),
]
ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
             "--enable-unsafe-swiftshader", "--disable-background-networking"]  # fmt: skip
PATIENCE = 60_000
#: Where a screenshot of each step is kept, to be looked at.
SHOTS = os.environ.get("OUTCROP_SCREENSHOTS")


def serving(*folders):
    """Start `outcrop serve`; return the process and the page's address."""
    command = [sys.executable, "-m", "outcrop", "serve", *map(str, folders), "--port", "0"]
    process = subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True)
    said = process.stdout.readline()
    return process, re.search(r"http://[\d.:]+/", said)[0]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield started
        started.close()


class Desk:
    """A page, with all that it asked for and all that went wrong in it."""

    def __init__(self, browser, url, width=1280, height=800):
        self.url, self.asked, self.wrong, self.shots = url, [], [], 0
        context = browser.new_context(
            viewport={"width": width, "height": height}, accept_downloads=True
        )
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda r: self.asked.append(r.url))
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        self.open()

    def open(self):
        self.page.goto(self.url)
        self.page.wait_for_selector("body[data-ready]")

    def tiles(self, layer):
        return [u for u in self.asked if f"/{layer}/tiles/" in u]

    def outside(self):
        return [u for u in self.asked if not u.startswith((self.url, "data:", "blob:"))]

    def shot(self, name):
        if SHOTS:
            self.shots += 1
            self.page.screenshot(path=str(Path(SHOTS) / f"{self.shots:02}-{name}.png"))

    def click_map(self, across, down):
        box = self.page.locator(".view .above").first.bounding_box()
        self.page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])

    def names(self):
        return self.page.locator("#units .name > span").all_text_contents()

    def saved(self, words):
        self.page.wait_for_function(
            "words => document.querySelector('#saved').textContent.includes(words)", arg=words
        )

    def expect(self, selector, words):
        self.page.locator(selector).filter(has_text=words).first.wait_for(state="attached")


def test_a_geologists_work(workbench_runs, tmp_path, browser):
    run = tmp_path / "out"
    shutil.copytree(workbench_runs[0], run)
    process, url = serving(run)
    try:
        desk = Desk(browser, url)
        page = desk.page
        assert desk.names() == ["Unit 1", "Unit 2", "Unit 3"]
        page.wait_for_function("() => !document.querySelector('.swipe').hidden")
        page.wait_for_load_state("networkidle")
        desk.shot("opened")

        desk.click_map(0.7, 0.5)
        desk.expect("#facts", "EPSG:32754")
        desk.expect("#facts", "° S")
        assert page.locator("#chart .plot").count() == 1
        desk.expect("#chart .keys", "This pixel")
        desk.shot("clicked")

        asked = len(desk.tiles("units"))
        assert asked > 0
        page.locator("#units .name").first.click()
        page.locator("#units input[name=name]").fill("Dakota sandstone")
        page.keyboard.press("Enter")
        desk.saved("1 edit,")
        page.locator("#units input[name=colour]").evaluate(
            "e => { e.value = '#c07030'; e.dispatchEvent(new Event('change', {bubbles: true})) }"
        )
        desk.saved("2 edits")
        page.locator("#units input[name=lithology]").fill("sandstone")
        page.keyboard.press("Tab")
        desk.saved("3 edits")
        desk.expect("#units .name small", "sandstone")
        # What is being typed stays, though the answer to an earlier edit comes meanwhile.
        page.evaluate(
            """() => { const ask = window.fetch; window.fetch = async (...all) => {
            await new Promise(done => setTimeout(done, 700)); window.fetch = ask;
            return ask(...all); }; }"""
        )
        page.locator("#units input[name=age]").fill("lower cretaceous")
        page.keyboard.press("Tab")
        page.locator("#units textarea").fill("Ripples, cross-bed")
        desk.saved("4 edits")
        page.keyboard.type("ding")
        assert page.locator("#units textarea").input_value() == "Ripples, cross-bedding"
        page.keyboard.press("Tab")
        desk.saved("5 edits")
        desk.shot("named")

        page.locator("#units select[name=into]").select_option(label="3 Unit 3")
        page.locator("#units button[name=merge]").click()
        desk.saved("6 edits")
        assert desk.names() == ["Unit 2", "Unit 3"]
        page.locator("#units input[type=checkbox]").first.uncheck()
        page.wait_for_timeout(500)
        desk.shot("merged-and-toggled")
        page.locator("#units input[type=checkbox]").first.check()
        assert len(desk.tiles("units")) == asked, "colours, merges and toggles need no tiles"

        page.click("#undo")
        desk.saved("5 edits")
        assert desk.names() == ["Dakota sandstone", "Unit 2", "Unit 3"]
        page.click("#redo")
        desk.saved("6 edits")
        page.click("#undo")
        desk.saved("5 edits")

        page.locator("#units .name", has_text="Unit 2").click()
        page.locator("#units button[name=split]").click()
        for place in ((0.45, 0.3), (0.55, 0.3), (0.55, 0.6), (0.45, 0.6)):
            desk.click_map(*place)
        desk.shot("drawing")
        page.click("#polygon")
        desk.saved("6 edits")
        assert "Finish" not in page.text_content("#status")
        assert "Unit 4" in desk.names()
        page.wait_for_load_state("networkidle")
        assert len(desk.tiles("units")) > asked, "a split needs tiles"
        desk.shot("split")

        # A restart of the server, and a reload: everything is there.
        process.terminate()
        process.wait()
        process, url = serving(run)
        desk.url = url
        desk.open()
        desk.saved("6 edits")
        assert desk.names() == ["Dakota sandstone", "Unit 2", "Unit 3", "Unit 4"]
        desk.shot("reloaded")

        with page.expect_download() as download:
            page.click("#export")
        archive = tmp_path / "edited.zip"
        download.value.save_as(archive)
        desk.shot("exported")
        assert not desk.wrong
    finally:
        process.terminate()
        process.wait()
    zipfile.ZipFile(archive).extractall(tmp_path)
    folder = tmp_path / "out-edited"
    import pyogrio

    with rasterio.open(folder / "units.tif") as units:
        labels = units.read(1)
        assert units.colormap(1)[1][:3] == (0xC0, 0x70, 0x30)
    polygons = pyogrio.read_dataframe(folder / "units.gpkg")
    legend = json.loads((folder / "legend.json").read_text())
    assert set(polygons["name"]) == {u["name"] for u in legend["units"]} == {
        "Dakota sandstone", "Unit 2", "Unit 3", "Unit 4"}  # fmt: skip
    named = legend["units"][0]
    assert named["notes"] == "Ripples, cross-bedding"
    at = "http://resource.geosciml.org/classifier/"
    assert named["lithology"] == {
        "id": at + "cgi/lithology/clastic_sandstone",
        "label": "sandstone",
    }
    assert named["age"] == {"id": at + "ics/ischart/LowerCretaceous", "label": "Lower Cretaceous"}
    assert {u["number"]: u["pixels"] for u in legend["units"]} == {
        n: int((labels == n).sum()) for n in (1, 2, 3, 4)}  # fmt: skip


def test_nothing_outside_is_asked_for(workbench_runs, browser):
    process, url = serving(*workbench_runs)
    try:
        desk = Desk(browser, url)
        desk.page.click("#compare")
        desk.page.wait_for_timeout(1500)
        desk.page.wait_for_load_state("networkidle")
        desk.shot("side-by-side")
        assert desk.page.locator(".view").count() == 2
        assert not desk.outside()
        report = desk.page.context.new_page()
        asked = []
        report.on("request", lambda r: asked.append(r.url))
        report.goto(url + "api/runs/utm/report")
        assert report.locator("h1").count() == 1
        assert [u for u in asked if not u.startswith((url, "data:"))] == []
        assert not desk.wrong
    finally:
        process.terminate()
        process.wait()


def test_what_another_tab_did_is_seen_and_a_dead_server_is_told(workbench_runs, tmp_path, browser):
    run = tmp_path / "out"
    shutil.copytree(workbench_runs[1], run)
    process, url = serving(run)
    try:
        one, other = Desk(browser, url), Desk(browser, url)
        other.page.locator("#units .name").first.click()
        other.page.locator("#units input[name=name]").fill("Marl")
        other.page.keyboard.press("Enter")
        other.saved("1 edit,")
        one.page.evaluate("window.dispatchEvent(new Event('focus'))")
        one.saved("1 edit,")
        assert one.names()[0] == "Marl"
        process.kill()
        process.wait()
        one.page.click("#undo")
        one.expect("#status.bad", "nothing was changed")
        assert one.names()[0] == "Marl"
    finally:
        process.kill()
        process.wait()


def test_a_map_fits_the_window_again_until_somebody_moves_it(workbench_runs, browser):
    process, url = serving(workbench_runs[1])
    try:
        desk = Desk(browser, url)

        def row_near_the_foot(wanted):
            """Click there until the map has come to rest where it should."""
            for _ in range(40):
                try:
                    with desk.page.expect_response(re.compile("/look$"), timeout=5000) as answer:
                        desk.click_map(0.5, 0.9)
                except sync_api.TimeoutError:  # the click fell on a map that was still moving
                    continue
                row = answer.value.json()["row"]
                if wanted(row):
                    return row
                desk.page.wait_for_timeout(500)
            raise AssertionError(f"row {row} lies near the foot of the window")

        desk.page.emulate_media(reduced_motion="reduce")  # a click ends what moves
        row_near_the_foot(lambda row: row > 52)
        desk.page.set_viewport_size({"width": 1100, "height": 560})
        row_near_the_foot(lambda row: row > 52)  # all 60 rows are in the lower window too
        desk.page.locator(".view .above canvas").press("+")
        moved = row_near_the_foot(lambda row: row < 45)
        desk.page.set_viewport_size({"width": 1280, "height": 800})
        desk.page.wait_for_timeout(700)
        desk.page.set_viewport_size({"width": 1100, "height": 560})
        row_near_the_foot(lambda row: abs(row - moved) <= 1)  # what was moved stays
        assert not desk.wrong
    finally:
        process.terminate()
        process.wait()


def test_a_dead_basemap_is_told_and_hides_nothing(workbench_runs, browser):
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        basemap = f"http://127.0.0.1:{taken.getsockname()[1]}/{{z}}/{{x}}/{{y}}.png"
        process, url = serving(workbench_runs[0], "--basemap", basemap)
        try:
            desk = Desk(browser, url)
            desk.expect("#status.bad", "The basemap")
            desk.page.wait_for_function("() => !document.querySelector('.swipe').hidden")
            desk.page.wait_for_timeout(2000)
            assert desk.tiles("image"), "the imagery does not wait for the basemap"
            assert {u.split("/")[2] for u in desk.outside()} == {basemap.split("/")[2]}
        finally:
            process.terminate()
            process.wait()


def test_keyboard_and_a_phones_width(workbench_runs, browser):
    process, url = serving(workbench_runs[1])
    try:
        desk = Desk(browser, url, width=390, height=844)
        page = desk.page
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, "nothing sticks out to the side"
        page.locator(".view .above canvas").focus()
        page.keyboard.press("Enter")
        desk.expect("#facts", "Row, column")
        desk.shot("phone")
        page.locator(".swipe").focus()
        page.wait_for_function("() => !document.querySelector('.swipe').hidden")
        page.locator(".swipe").focus()
        before = page.locator(".swipe").input_value()
        page.keyboard.press("ArrowRight")
        assert float(page.locator(".swipe").input_value()) > float(before)
        # Every control has a name that a screen reader can say.
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, a, input, select, textarea')]
            .filter(e => !(e.getAttribute('aria-label') || e.title || e.textContent.trim()
              || e.labels?.[0]?.textContent.trim())).map(e => e.outerHTML)"""
        )
        assert nameless == []
        page.click("#show-pop summary")
        page.check("#patterns")
        page.check("#numbers")
        page.wait_for_timeout(500)
        desk.shot("patterns")
        drawn = page.locator(".swatch").nth(1).evaluate("e => getComputedStyle(e).backgroundImage")
        assert drawn.startswith('url("data:image/svg+xml'), "the legend has the map's hatch"
        assert not desk.wrong
    finally:
        process.terminate()
        process.wait()
