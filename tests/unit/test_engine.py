import threading
from contextlib import closing

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from outcrop import engine
from outcrop.sensors import Band
from outcrop.source import ArraySource, Window


def source(shape=(1300, 1100), bands=2, striped=False):
    data = np.arange(bands * shape[0] * shape[1], dtype=np.float32).reshape(bands, *shape)
    grid = GeoBox(shape, Affine.identity(), None)
    return ArraySource("s", grid, tuple(Band(str(i)) for i in range(bands)), data, striped)


class Core:
    """Returns the core, cut out of what was read."""

    def __call__(self, data, block):
        return data[:, *block.core.inside(block.outer)]


@pytest.mark.parametrize("striped", [False, True])
@pytest.mark.parametrize("size", [512, 1024])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("halo", [0, 5])
def test_cores_tile_the_grid_in_order(striped, size, threads, halo):
    src = source(striped=striped)
    out = np.zeros_like(src.data)
    seen = []

    def sink(block, result):
        seen.append(block.index)
        out[:, *block.core.slices] += result

    engine.run(src, Core(), sink, halo=halo, size=size, threads=threads)
    assert seen == sorted(seen)
    np.testing.assert_array_equal(out, src.data)


def test_striped_files_are_read_in_full_width_rows():
    blocks = engine.cut((1300, 1100), 1024, striped=True)
    assert [b.core.width for b in blocks] == [1100] * 3
    assert [b.core.height for b in blocks] == [512, 512, 276]


def test_halo_is_cut_at_the_edges_only():
    blocks = engine.cut((1300, 1100), 512, halo=3)
    assert blocks[0].outer == Window(0, 0, 515, 515)
    assert blocks[4].core == Window(512, 512, 512, 512)
    assert blocks[4].outer == Window(509, 509, 518, 518)


def test_tiles_do_not_depend_on_the_block():
    def places(size, striped):
        cut = engine.cut((1300, 1100), size, striped=striped)
        return sorted(t for b in cut for t in engine.tiles(b.core))

    assert places(512, False) == places(1024, False) == places(1024, True)


def test_an_error_in_a_block_comes_through_and_stops_the_rest():
    done = []

    def work(data, block):
        if block.index == 2:
            raise ValueError("block 2")
        return block.index

    with pytest.raises(ValueError, match="block 2"):
        engine.run(source(), work, lambda b, r: done.append(r), size=512, threads=2)
    assert done == [0, 1]
    assert not [t for t in threading.enumerate() if t.name.startswith("outcrop")]


def test_no_more_than_the_queue_is_started_ahead():
    started, finished, most = [], [], []

    def task(item):
        started.append(item)
        return item

    for item in engine.LocalPool(2).map(task, range(50), in_flight=4):
        finished.append(item)
        most.append(len(started) - len(finished))
    assert finished == list(range(50))
    assert max(most) <= 4


def test_libraries_loaded_inside_the_limit_keep_to_it():
    import torch

    from outcrop.nn.train import allowed_threads

    before = torch.get_num_threads()
    assert engine.threads_allowed() is None
    with engine.limited_threads(3):
        assert engine.threads_allowed() == 3
        with allowed_threads():
            assert torch.get_num_threads() == 3
    assert torch.get_num_threads() == before
    assert engine.threads_allowed() is None


def test_side_by_side_is_in_order_and_stops_when_told():
    started = []

    def task(i):
        started.append(i)
        return i * i

    with engine.limited_threads(1, beside=3), closing(engine.side_by_side(task, range(50))) as it:
        for i, value in enumerate(it):
            assert value == i * i
            if i == 4:
                break
    assert len(started) < 12


def test_nothing_is_side_by_side_unless_it_was_asked_for():
    threads = set()
    list(engine.side_by_side(lambda _: threads.add(threading.get_ident()), range(5)))
    assert threads == {threading.get_ident()}
