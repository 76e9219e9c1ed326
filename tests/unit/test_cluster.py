"""On real worker processes of a Dask cluster on this machine."""

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from outcrop import engine
from outcrop.__main__ import main
from outcrop.cluster import RUN, DaskPool, _forget, dask_pool, shared_out
from outcrop.errors import ClusterError, InputError, SceneError
from outcrop.opening import open_source
from outcrop.pipeline import apply_to_scenes, map_scenes
from resuming import SLOW, Watch, scene

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def pool():
    with dask_pool(workers=2) as pool:
        yield pool


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    path = scene(folder)
    return path, map_scenes([path], SLOW, folder / "whole")


def map_bytes(folder):
    return (Path(folder) / "units.tif").read_bytes()


class KillWorker(Watch):
    """Kills a worker process while blocks are being mapped."""

    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.killed = None

    def tell(self, done, total):
        super().tell(done, total)
        if done == 2:
            self.killed = next(iter(self.pool.client.run(os.getpid).values()))
            os.kill(self.killed, signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_worker_that_is_killed_changes_nothing(tmp_path, pool, mapped):
    path, whole = mapped
    watch = KillWorker(pool)
    result = map_scenes([path], SLOW, tmp_path / "out", executor=pool, report=watch)
    assert watch.killed
    assert watch.mapped == list(range(1, 10))
    assert map_bytes(result.folder) == map_bytes(whole.folder)
    assert result.legend == whole.legend
    assert sorted(os.listdir(result.folder)) == sorted(os.listdir(whole.folder))


def test_a_run_begun_here_goes_on_there(tmp_path, pool, mapped):
    path, whole = mapped
    with pytest.raises(KeyboardInterrupt):
        map_scenes([path], SLOW, tmp_path / "out", report=Watch(4))
    watch = Watch()
    result = map_scenes(
        [path], SLOW, tmp_path / "out", resume=True, executor=pool, report=watch
    )  # fmt: skip
    assert watch.mapped == [5, 6, 7, 8, 9]
    assert map_bytes(result.folder) == map_bytes(whole.folder)
    applied = apply_to_scenes(whole.folder, [path], tmp_path / "applied", executor=pool)
    assert map_bytes(applied.folder) == map_bytes(whole.folder)


def test_errors_of_workers_come_through(tmp_path, pool):
    path = scene(tmp_path, (600, 600))
    source = open_source(path)
    with pytest.raises(ClusterError, match=r"worker .* does not see .*nowhere"):
        pool.check([path], tmp_path / "nowhere")
    with pytest.raises(ValueError, match="block 1"):
        engine.run(source, failing, lambda b, r: None, size=512, executor=pool)
    os.rename(path, tmp_path / "moved.tif")
    with pytest.raises(SceneError, match=r"worker .* cannot read its block .*scene\.tif"):
        engine.run(open_lost(source), core, lambda b, r: None, size=512, executor=pool)


def open_lost(source):
    import pickle

    return pickle.loads(pickle.dumps(source))  # without the handle that is open already


def failing(data, block):
    if block.index == 1:
        raise ValueError("block 1")


def core(data, block):
    return None


def test_results_come_in_order_and_nothing_stays_in_the_workers(pool):
    assert list(pool.map(double, range(40), in_flight=2)) == [2 * i for i in range(40)]
    assert set(pool.client.run(left).values()) == {0}
    assert isinstance(pool, DaskPool)


def test_workers_remember_the_tiles_of_a_scene_from_pass_to_pass(tmp_path, pool):
    source = open_source(scene(tmp_path))
    engine.run(source, core, lambda b, r: None, size=512, executor=pool)
    name = source._owner.name
    assert sum(pool.client.run(remembered, name).values()) == 9
    engine.run(open_lost(source), core, lambda b, r: None, size=512, executor=pool)
    assert 9 <= sum(pool.client.run(remembered, name).values()) <= 18, "they may share blocks anew"
    pool.client.run(_forget)
    assert sum(pool.client.run(remembered, name).values()) == 0


def remembered(owner):
    from outcrop.tiles import TILES

    with TILES._lock:
        TILES._clear()
        return sum(key[0] == owner for key in TILES._kept)


def double(item):
    return 2 * item


@pytest.mark.parametrize(
    ("count", "threads"), [(0, 2), (1, 3), (16, 2), (17, 4), (1000, 3), (9, 0)]
)
def test_neighbours_are_meant_for_the_same_worker(count, threads):
    names = [str(i) for i in range(threads)]
    given = list(shared_out(count, names))
    assert sorted(place for place, _ in given) == list(range(count))
    whose = [worker for _, worker in sorted(given)]
    seams = sum(a != b for a, b in pairwise(whose))
    assert seams <= max(0, -(-count // min(RUN, max(1, -(-count // max(threads, 1))))) - 1)
    # Nobody waits while another has more than one block to begin with.
    first = [worker for _, worker in given[:threads]]
    assert len(set(first)) == min(threads, len(first))


def where(item):
    return os.getpid()


def test_runs_of_blocks_begin_in_different_workers(pool):
    found = list(pool.map(where, range(12), in_flight=2))
    assert found[0] != found[6]


def left():
    from outcrop import cluster

    return len(cluster._tasks)


@pytest.mark.parametrize(
    ("scheduler", "workers", "error", "says"),
    [
        ("tcp://127.0.0.1:1", None, ClusterError, r"no Dask scheduler answers at tcp://127"),
        ("nonsense://x", None, ClusterError, "no Dask scheduler answers at nonsense"),
        ("tcp://127.0.0.1:1", 2, InputError, "give one of them"),
        (None, 0, InputError, "--workers 0"),
    ],
)
def test_what_cannot_be_reached_is_said(monkeypatch, scheduler, workers, error, says):
    monkeypatch.setattr("outcrop.cluster.PATIENCE", 1)
    with pytest.raises(error, match=says), dask_pool(scheduler, workers):
        pass


def test_without_the_extra_the_option_says_how_to_get_it(tmp_path):
    script = (
        "import sys; sys.modules['distributed'] = None\n"
        "from outcrop.__main__ import main\n"
        "sys.exit(main(['map', 'x.tif', '-o', 'out', '--workers', '2']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert 'pip install "outcrop[dask]"' in done.stderr


def test_a_scheduler_without_workers_is_named(monkeypatch, capsys, tmp_path):
    from distributed import LocalCluster

    monkeypatch.setattr("outcrop.cluster.PATIENCE", 1)
    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty:
        address = empty.scheduler_address
        assert main(["map", "x.tif", "-o", str(tmp_path / "o"), "--scheduler", address]) == 2
    assert "has no workers" in capsys.readouterr().err
