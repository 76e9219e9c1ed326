import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from outcrop.__main__ import main
from outcrop.config import Products, Step, recipe_to_toml
from outcrop.errors import InputError, OutputError
from outcrop.pipeline import apply_to_scenes, fit_scenes, map_scenes
from outcrop.resuming import Journal, fingerprint
from resuming import SLOW, Watch, finished, scene, with_run

BLOCKS = 9
FAST = dataclasses.replace(SLOW, smooth=Step("none"), refine=(Step("majority", {"size": 3}),))


def stop(path, recipe, out, at, **options):
    """Cut a run off in this process, as Ctrl-C does."""
    with pytest.raises(KeyboardInterrupt) as caught:
        map_scenes([path], recipe, out, report=Watch(at), **options)
    return caught.value


def map_bytes(folder):
    return b"".join((Path(folder) / f"{n}.tif").read_bytes() for n in ("units", "confidence"))


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_run_killed_in_the_middle_goes_on_from_there(tmp_path):
    path = scene(tmp_path)
    whole = map_scenes([path], SLOW, tmp_path / "whole")
    (tmp_path / "slow.toml").write_text(recipe_to_toml(SLOW))
    process = subprocess.Popen(
        [sys.executable, "-m", "outcrop", "map", path, "-o", "out", "--recipe", "slow.toml"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    partial = tmp_path / "out.partial"
    deadline = time.monotonic() + 120
    while not finished(partial) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = finished(partial)
    assert 0 < done < BLOCKS
    watch = Watch()
    again = map_scenes([path], SLOW, tmp_path / "out", resume=True, report=watch)
    assert watch.mapped == list(range(done + 1, BLOCKS + 1)), "finished blocks are not done again"
    assert map_bytes(again.folder) == map_bytes(whole.folder)
    assert again.legend == whole.legend
    assert sorted(os.listdir(again.folder)) == sorted(os.listdir(whole.folder))
    assert not partial.exists()


def test_an_interrupt_keeps_what_is_finished_and_says_so(tmp_path):
    path = scene(tmp_path)
    error = stop(path, FAST, tmp_path / "out", 4)
    assert "4 finished blocks are kept" in error.__notes__[0]
    assert "--resume" in error.__notes__[0]
    with pytest.raises(OutputError, match="add --resume"):
        map_scenes([path], FAST, tmp_path / "out")
    watch = Watch()
    again = map_scenes(
        [path], with_run(FAST, threads=3), tmp_path / "out", resume=True, report=watch
    )
    assert watch.mapped == [5, 6, 7, 8, 9]
    whole = map_scenes([path], FAST, tmp_path / "whole")
    assert map_bytes(again.folder) == map_bytes(whole.folder)
    assert again.notes == whole.notes


def test_overwrite_begins_anew(tmp_path):
    path = scene(tmp_path)
    stop(path, FAST, tmp_path / "out", 4)
    watch = Watch()
    map_scenes([path], FAST, tmp_path / "out", overwrite=True, report=watch)
    assert watch.mapped == list(range(1, BLOCKS + 1))
    assert not (tmp_path / "out.partial").exists()


def test_without_anything_to_resume_the_run_begins(tmp_path):
    result = map_scenes([scene(tmp_path)], FAST, tmp_path / "out", resume=True)
    assert result.metrics["units"] == 4
    assert "state.json" not in os.listdir(result.folder)
    with pytest.raises(OutputError, match="exists already"):
        map_scenes([scene(tmp_path)], FAST, tmp_path / "out", resume=True)


def test_an_interrupt_before_any_block_leaves_nothing(tmp_path):
    class Early(Watch):
        def __call__(self, stage):
            if stage == "Mapping":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_scenes([scene(tmp_path)], FAST, tmp_path / "out", report=Early())
    assert os.listdir(tmp_path) == ["scene.tif"]


def test_a_part_that_is_gone_is_done_again(tmp_path):
    path = scene(tmp_path)
    stop(path, FAST, tmp_path / "out", 5)
    (tmp_path / "out.partial" / "parts" / "000002.units.tif").unlink()
    again = map_scenes([path], FAST, tmp_path / "out", resume=True)
    whole = map_scenes([path], FAST, tmp_path / "whole")
    assert map_bytes(again.folder) == map_bytes(whole.folder)


def test_another_recipe_or_scene_is_refused_by_name(tmp_path):
    path = scene(tmp_path)
    stop(path, FAST, tmp_path / "out", 4)
    other = dataclasses.replace(FAST, clusterer=Step("kmeans", {"n_units": 5}))
    with pytest.raises(InputError, match=r"clusterer\.params\.n_units was 4 and is 5"):
        map_scenes([path], other, tmp_path / "out", resume=True)
    with pytest.raises(InputError, match=r"run\.block was 512 and is 1024"):
        map_scenes([path], with_run(FAST, block=1024), tmp_path / "out", resume=True)
    second = tmp_path / "second.tif"
    second.write_bytes(Path(path).read_bytes())
    with pytest.raises(InputError, match=r"inputs differ.*scene\.tif.*now .*second\.tif"):
        map_scenes([str(second)], FAST, tmp_path / "out", resume=True)
    os.utime(path, (1, 1))
    with pytest.raises(InputError, match=r"scene\.tif has changed \(written to since\)"):
        map_scenes([path], FAST, tmp_path / "out", resume=True)
    assert finished(tmp_path / "out.partial") == 4, "a refusal leaves what is there"


@pytest.mark.parametrize("at", [0, 0.5, 1])
def test_a_file_that_kept_size_and_time_is_told_apart(tmp_path, at):
    file = tmp_path / "scene.bin"
    file.write_bytes(bytes(900_000))
    before, facts = fingerprint(file), file.stat()
    with file.open("r+b") as stream:
        stream.seek(int(at * 899_000))
        stream.write(b"x" * 1000)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    after = fingerprint(file)
    assert {k for k in before if before[k] != after[k]} == {"pieces_sha256"}


def test_another_version_is_refused(tmp_path):
    stop(scene(tmp_path), FAST, tmp_path / "out", 4)
    state = tmp_path / "out.partial" / "state.json"
    facts = json.loads(state.read_text())
    for change, says in (
        ({"versions": {**facts["versions"], "outcrop": "0.0.1"}}, r"begun with outcrop 0\.0\.1"),
        ({"versions": {**facts["versions"], "numpy": "1.0"}}, r"begun with numpy 1\.0"),
        ({"format": 99}, "format is 99"),
    ):
        state.write_text(json.dumps({**facts, **change}))
        with pytest.raises(InputError, match=says):
            map_scenes([str(tmp_path / "scene.tif")], FAST, tmp_path / "out", resume=True)
    state.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        Journal.open(tmp_path / "out.partial", {})


def test_apply_resumes_with_the_same_model_alone(tmp_path, capsys):
    path = scene(tmp_path)
    fit_scenes([path], FAST, tmp_path / "m")
    fit_scenes([path], with_run(FAST, seed=3), tmp_path / "other")
    with pytest.raises(KeyboardInterrupt):
        apply_to_scenes(tmp_path / "m", [path], tmp_path / "out", report=Watch(3))
    assert main(["apply", str(tmp_path / "other"), path, "-o", str(tmp_path / "out"),
                 "--resume"]) == 2  # fmt: skip
    assert "model was" in capsys.readouterr().err
    watch = Watch()
    again = apply_to_scenes(tmp_path / "m", [path], tmp_path / "out", resume=True, report=watch)
    assert watch.mapped == [4, 5, 6, 7, 8, 9]
    whole = apply_to_scenes(tmp_path / "m", [path], tmp_path / "whole")
    assert map_bytes(again.folder) == map_bytes(whole.folder)


def test_masks_codes_and_the_sieve_resume_too(tmp_path):
    path = scene(tmp_path)
    recipe = dataclasses.replace(FAST, products=Products(save_code=True, min_area=9000.0))
    stop(path, recipe, tmp_path / "out", 4)
    again = map_scenes([path], recipe, tmp_path / "out", resume=True)
    whole = map_scenes([path], recipe, tmp_path / "whole")
    for name in ("units.tif", "confidence.tif", "code.tif", "legend.json", "units.qml"):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name
    assert np.isfinite(again.metrics["coverage"])


def test_a_scene_in_memory_leaves_nothing_to_resume(tmp_path):
    from outcrop.opening import open_source
    from outcrop.source import ArraySource, Window

    opened = open_source(scene(tmp_path))
    data = opened.read(Window(0, 0, *opened.grid.shape))
    source = ArraySource("s", opened.grid, opened.bands, data)
    with pytest.raises(KeyboardInterrupt):
        map_scenes(source, FAST, tmp_path / "out", report=Watch(4))
    assert os.listdir(tmp_path) == ["scene.tif"]
