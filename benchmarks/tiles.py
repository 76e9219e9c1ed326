"""How long the workbench takes for a tile of a map as large as a Sentinel-2 tile."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import morecantile
import numpy as np
import psutil

from benchmarks.measuring import OUTCROP, Settings, outcrop, say, table
from benchmarks.memory import UNITS
from benchmarks.simulated import sized

WHOLE_TILE = 10980**2 / 1e6
#: Tiles that are asked for of each layer, and how many at a time: one by one, and as a browser.
TILES, AT_ONCE = 300, (1, 6)
GRID = morecantile.tms.get("WebMercatorQuad")


def main(settings: Settings) -> None:
    """Print quantiles of the time from the request to the last byte, and the server's own."""
    made = sized(settings, settings.size(WHOLE_TILE))
    out = settings.out(f"memory-{made.shape[0]}")  # another benchmark may have made the map
    if not (out / "units.tif").is_file():
        say(f"mapping {made}")
        outcrop("map", made.path, "-o", out, "--overwrite", "-q", "--units", UNITS)
    print(f"Tiles of 256 pixels of a map of {made}, at random places and zooms:")
    with _Server(out, "--no-imagery") as server:
        _print(server, "units")
    if settings.quick:
        return
    with _Server(out, "--imagery") as server:
        say("waiting for image.tif")
        channels = ",".join(map(str, server.wait_for_image()))
        _print(server, "image", f"?channels={channels}")


def _print(server: _Server, layer: str, query: str = "") -> None:
    rows = []
    for at_once in AT_ONCE:
        say(f"{layer}, {at_once} at a time")
        paths = server.places(layer, query, TILES, seed=at_once)  # others each time: none is kept
        rows.append((layer, at_once, *server.ask(paths, at_once)))
    table(("layer", "at a time", "median, ms", "p95, ms", "longest, ms",
           "processor ms of the server"), rows)  # fmt: skip


class _Server:
    """`outcrop serve` for one result, as a process of its own."""

    def __init__(self, folder: Path, imagery: str) -> None:
        words = ("serve", folder, "--port", 0, "--no-browser", imagery)
        self._process = subprocess.Popen(
            [*OUTCROP, *map(str, words)], stdout=subprocess.PIPE, text=True, stderr=sys.stderr
        )
        assert self._process.stdout is not None
        said = next(line for line in self._process.stdout if "http://" in line)
        self._host = said.split("http://")[1].split("/")[0]
        (self._run,) = self._json("/api/runs")["runs"]

    def __enter__(self) -> _Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _json(self, path: str) -> dict:
        with closing(http.client.HTTPConnection(self._host)) as connection:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())

    def wait_for_image(self) -> list[int]:
        """Wait until the imagery is there, and return the bands of its composite."""
        while self._json(f"/api/runs/{self._run['id']}")["imagery"]["state"] != "ready":
            time.sleep(1)
        return self._run["composite"]

    def places(self, layer: str, query: str, count: int, seed: int) -> list[str]:
        """Return paths of tiles at random places of the map, at every zoom that it has."""
        west, south, east, north = self._run["bounds"]
        rng = np.random.default_rng(seed)
        corner = GRID.tile(west, north, 0)
        least = next(z for z in range(corner.z, 25) if len(self._covering(z)) > 1)
        paths = []
        for _ in range(count):
            zoom = int(rng.integers(least, self._run["max_zoom"] + 1))
            x, y, z = GRID.tile(rng.uniform(west, east), rng.uniform(south, north), zoom)
            address = f"/api/runs/{self._run['id']}/{layer}/tiles/{GRID.id}/{z}/{x}/{y}.png"
            paths.append(address + query)
        return paths

    def _covering(self, zoom: int) -> list[object]:
        return list(GRID.tiles(*self._run["bounds"], zooms=zoom))

    def ask(self, paths: Sequence[str], at_once: int) -> tuple[float, float, float, float]:
        """Return the median, 95% and longest time of a tile, and processor time, in ms."""
        shares = [paths[i::at_once] for i in range(at_once)]
        server = psutil.Process(self._process.pid)
        before = sum(server.cpu_times()[:2])
        with ThreadPoolExecutor(at_once) as pool:
            spent = np.concatenate(list(pool.map(self._timed, shares))) * 1e3
        processor = (sum(server.cpu_times()[:2]) - before) / len(paths) * 1e3
        return float(np.median(spent)), float(np.quantile(spent, 0.95)), spent.max(), processor

    def _timed(self, paths: Sequence[str]) -> list[float]:
        spent = []
        with closing(http.client.HTTPConnection(self._host)) as connection:
            for path in paths:
                started = time.perf_counter()
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                spent.append(time.perf_counter() - started)
                if answer.status not in (200, 404):  # a corner of the bounds may lie outside
                    raise SystemExit(f"{path}: {answer.status} {answer.reason}")
        return spent
