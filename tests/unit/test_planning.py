import inspect
import json
import os
from dataclasses import fields

from outcrop import cli, engine
from outcrop.__main__ import main
from outcrop.cli_options import Writing
from outcrop.planning import plan_run
from resuming import SLOW, scene, with_run


def test_a_plan_tells_what_the_run_would_do(tmp_path):
    path = scene(tmp_path, (700, 1100))
    plan = plan_run([path], SLOW, workers=2)
    blocks = engine.cut((700, 1100), 512, halo=plan.halo)
    assert (plan.shape, plan.bands, plan.blocks) == ((700, 1100), 5, len(blocks))
    assert plan.halo > 0, "smoothing and refinement look around"
    assert all(seconds > 0 for seconds in plan.seconds.values())
    more = plan_run([path], with_run(SLOW, block=1024), workers=2)
    assert more.blocks < plan.blocks
    assert more.memory > plan.memory
    assert os.listdir(tmp_path) == ["scene.tif"]


def test_memory_does_not_grow_with_the_scene(tmp_path):
    from outcrop.planning import _memory

    for striped in (False, True):
        largest = {
            max(b.outer.height * b.outer.width
                for b in engine.cut(shape, 1024, halo=10, striped=striped))
            for shape in ((5000, 5000), (10980, 10980), (40000, 40000))
        }  # fmt: skip
        assert len(largest) == 1
        assert _memory(10, 15, largest.pop(), 2, SLOW) < 2 * 2**30


def test_the_command_takes_the_options_of_map(tmp_path, capsys):
    of_map = inspect.signature(cli.map_).parameters
    of_plan = inspect.signature(cli.plan).parameters
    assert set(of_map) - set(of_plan) == {"out", *(f.name for f in fields(Writing))}
    path = scene(tmp_path, (300, 300))
    command = ["plan", path, "--reducer", "pca", "--clusterer", "kmeans", "--units", "4"]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["blocks"] == 1
    assert facts["shape"] == [300, 300]
    assert main([*command, "--units", "500"]) == 2
    assert "from 2 to 254" in capsys.readouterr().err
    assert main(["plan", str(tmp_path / "nope.tif")]) == 2
    assert "nope.tif does not exist" in capsys.readouterr().err
