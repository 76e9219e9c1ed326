"""The benchmarks run, on a scene of a few thousand pixels; what they measure is not judged."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

ROOT = Path(__file__).parents[1]


def run(*words, cache):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--cache", str(cache), *map(str, words)],
        cwd=ROOT, capture_output=True, text=True,
        env={k: v for k, v in os.environ.items() if k != "OUTCROP_DATA"},
    )  # fmt: skip


def cells(text):
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_benchmarks_run_and_print_tables(tmp_path):
    words = ("paper", "floor", "--megapixels", 0.01, "--rounds", 0, "--units", 3)
    done = run(*words, cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cores" in done.stdout.splitlines()[0]
    found = cells(done.stdout)
    assert float(found["`units.tif`"][0]) > 0
    # 100 × 100 pixels: 157 batches of 64 for 10 epochs.
    assert found["stack 1: 10 epochs, batches of 64"][1].endswith("of 1,570 steps")
    assert float(found["floor"][1]) == 1


def test_a_name_that_is_none_is_one_line(tmp_path):
    done = run("speed", cache=tmp_path)
    assert done.returncode == 2
    assert "no benchmark 'speed'; choose among startup, paper" in done.stderr


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import measuring, simulated

    return measuring, simulated


def test_memory_is_summed_over_a_process_and_its_children(timing):
    measuring, _ = timing
    hold = "b = bytes([1]) * 50 * 2**20; import time; time.sleep(2)"
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}"
    took = measuring.command([sys.executable, "-c", child], memory=True)
    assert 100 < took.peak / 2**20 < 200
    assert took.seconds > 2


def test_a_larger_scene_is_the_smaller_one_mirrored(timing, tmp_path):
    measuring, simulated = timing
    settings = measuring.Settings(cache=tmp_path, megapixels=0.01)
    small, large = simulated.scene(settings, 0.01), simulated.sized(settings, 0.0225)
    with rasterio.open(small.path) as a, rasterio.open(large.path) as b:
        one, other = a.read(), b.read()
        assert (b.scales, b.descriptions) == (a.scales, a.descriptions)
        assert b.tags(1, ns="IMAGERY") == a.tags(1, ns="IMAGERY")
    assert large.shape == (150, 150)
    np.testing.assert_array_equal(other, np.pad(one, [(0, 0), (0, 50), (0, 50)], "symmetric"))
