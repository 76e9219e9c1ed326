"""The block engine: reads a source window by window, computes, and hands the results on in order.

Nothing here holds an array of the scene's size, and nothing that is computed may depend on how
the scene was cut: cores are multiples of `TILE`, halos give neighbourhood steps what they need,
and results reach the sink in the order of the blocks whatever thread was first.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from outcrop import __version__
from outcrop.scratch import give_back
from outcrop.source import Source, Window
from outcrop.tiles import BYTES as REMEMBERED

#: The unit of everything that is cut: samples and statistics are taken by tiles of this size,
#: so that they are the same for every block size.
TILE = 512
#: Columns of a block of a striped file, unless blocks are larger than usual.
WIDEST = 2048
#: Bytes of input that may be in flight at once.
IN_FLIGHT_BYTES = 512 * 2**20
#: Bytes of decoded pixels that GDAL may keep in each process, besides `outcrop.tiles`.
CACHE_BYTES = 128 * 2**20
#: Packages whose version decides over the bits of a map.
PACKAGES = ("numpy", "scikit-learn", "scipy", "numba", "rasterio")

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """A core window and the window around it that is read."""

    index: int
    core: Window
    outer: Window


class Work(Protocol[R_co]):
    """What is done to a block: data is (band, outer height, outer width). Must pickle."""

    def __call__(self, data: NDArray[np.float32], block: Block) -> R_co: ...  # noqa: D102


class Executor(Protocol):
    """Runs tasks somewhere and yields their results in the order of the items."""

    def map(self, task: Callable[[T], R], items: Sequence[T], in_flight: int) -> Iterator[R]:
        """Yield ``task(item)`` for each item in order, at most ``in_flight`` started ahead."""
        ...

    def check(self, reads: Sequence[str], writes: Path) -> None:
        """Make sure that tasks will see the files they read and the folder they write to."""
        ...


@dataclass(frozen=True)
class LocalPool:
    """Threads of this process; reading, BLAS and numba all let go of the interpreter."""

    threads: int

    def map(self, task: Callable[[T], R], items: Sequence[T], in_flight: int) -> Iterator[R]:
        """Yield results in order; on an error or an interrupt nothing more is started."""
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="outcrop")
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                if len(waiting) >= in_flight:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(task, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def check(self, reads: Sequence[str], writes: Path) -> None:
        """Do nothing: threads see what we see."""


@dataclass(frozen=True)
class _Task(Generic[R]):
    source: Source
    work: Work[R]

    def __call__(self, block: Block) -> tuple[Block, R]:
        return block, self.work(self.source.read(block.outer), block)


def cut(
    shape: Sequence[int], size: int = 2 * TILE, *, halo: int = 0, striped: bool = False
) -> list[Block]:
    """Cut a grid into blocks.

    Parameters
    ----------
    shape : sequence of int
        Rows and columns of the grid.
    size : int
        Side of a core, a multiple of `TILE`. Striped files get groups of `TILE` rows, since a
        square block would decode every strip again; full-width up to `WIDEST`, since memory
        may not grow with the scene.
    halo : int
        Pixels around each core that are read too, cut at the edges of the grid.
    striped : bool
        Whether the file is stored in strips.

    Returns
    -------
    list of Block
        In row-major order; the cores tile the grid.
    """
    height, width = shape
    widest = max(WIDEST, size * size // TILE)
    tall, wide = (TILE, max(1, min(width, widest))) if striped else (size, size)
    cores = [
        Window(row, col, min(tall, height - row), min(wide, width - col))
        for row in range(0, height, tall)
        for col in range(0, width, wide)
    ]
    return [Block(i, core, core.grown(halo, (height, width))) for i, core in enumerate(cores)]


def some_of(blocks: Sequence[Block], most: int, seed: int) -> list[Block]:
    """Return so many blocks at most, from all over the grid and in their order, fixed by a seed."""
    return [blocks[i] for i in sorted(np.random.default_rng(seed).permutation(len(blocks))[:most])]


def in_stripes(blocks: Sequence[Block], bands: int) -> list[Block]:
    """Order blocks for their neighbours to be read while `outcrop.tiles` remembers them.

    Down one stripe of the grid after the other, so wide that the tiles of a row of blocks, with
    those around it, fit in what is remembered; values are taken to have 16 bits.
    """
    if not blocks:
        return []
    core = blocks[0].core
    column = (core.height + 2 * TILE) * 2 * max(1, bands)
    wide = max(1, (REMEMBERED // column - 2 * TILE) // core.width) * core.width
    return sorted(blocks, key=lambda b: (b.core.col // wide, b.core.row, b.core.col))


def run(
    source: Source,
    work: Work[R],
    sink: Callable[[Block, R], None],
    *,
    halo: int = 0,
    size: int = 2 * TILE,
    blocks: Sequence[Block] | None = None,
    threads: int = 0,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Apply ``work`` to every block of a source and give the results to ``sink`` in order.

    Parameters
    ----------
    source : Source
    work : callable
        ``work(data, block)``; runs in the executor's threads or processes.
    sink : callable
        ``sink(block, result)``; runs here, in the order of the blocks.
    halo, size
        As for `cut`.
    blocks : sequence of Block, optional
        The blocks to do instead of all.
    threads : int
        Threads of the local pool; 0 is one a core.
    executor : Executor, optional
        Where to run instead of the local pool.
    progress : callable, optional
        Called with the number of blocks done and of all.
    """
    if blocks is None:
        blocks = cut(source.grid.shape, size, halo=halo, striped=source.striped)
    workers = threads or os.cpu_count() or 1
    executor = executor or LocalPool(workers)
    largest = max((b.outer.height * b.outer.width for b in blocks), default=1)
    fitting = IN_FLIGHT_BYTES // (4 * largest * max(1, len(source.bands)))
    in_flight = max(1, min(fitting, workers + 2))
    with limited_threads():
        results = executor.map(_Task(source, work), blocks, in_flight)
        for done, (block, result) in enumerate(results, start=1):
            sink(block, result)
            if progress:
                progress(done, len(blocks))
    give_back()


#: What `limited_threads` allows, for libraries that are loaded inside it (torch is), and how many
#: calls may run beside each other.
_allowed: ContextVar[int | None] = ContextVar("allowed", default=None)
_beside: ContextVar[int] = ContextVar("beside", default=1)


def threads_allowed() -> int | None:
    """Return how many threads one call of a numerical library may use here; None: its own."""
    return _allowed.get()


def side_by_side(task: Callable[[T], R], items: Sequence[T]) -> Generator[R, None, None]:
    """Yield ``task(item)`` for each item in order, as many at a time as `limited_threads` lets.

    Each gets one thread of its own, so that results do not depend on how many there are. Whoever
    stops early, closes the iterator.
    """
    threads = min(_beside.get(), len(items))
    if threads < 2 or _allowed.get() != 1:
        yield from map(task, items)
        return

    def alone(item: T) -> R:
        from threadpoolctl import threadpool_limits

        # OpenMP's number of threads is each thread's own matter; BLAS's is the process's.
        with threadpool_limits(limits=1, user_api="openmp"):
            return task(item)

    yield from LocalPool(threads).map(alone, items, threads)


@contextmanager
def limited_threads(threads: int = 1, *, beside: int = 1) -> Iterator[None]:
    """Keep BLAS, OpenMP, torch and GDAL from starting threads of their own inside ours.

    A matrix product's last bits depend on how many threads share it; and the pool
    occupies the cores already.

    Parameters
    ----------
    threads : int
        Of one call of a numerical library.
    beside : int
        How many calls `side_by_side` may make at once; 0 is one a core.
    """
    import rasterio
    from threadpoolctl import threadpool_limits

    token, other = _allowed.set(threads), _beside.set(beside or os.cpu_count() or 1)
    gdal = rasterio.Env(
        GDAL_CACHEMAX=CACHE_BYTES, GDAL_NUM_THREADS=1, CPL_VSIL_GZIP_WRITE_PROPERTIES="NO"
    )
    try:
        with gdal, threadpool_limits(limits=threads):
            yield
    finally:
        _allowed.reset(token)
        _beside.reset(other)


def versions() -> dict[str, str]:
    """Return the versions of Outcrop and of the packages that decide over the bits of a map."""
    return {"outcrop": __version__} | {name: version(name) for name in PACKAGES}


def tiles(window: Window) -> Iterator[tuple[tuple[int, int], Window]]:
    """Cut a window whose corner lies on the tile grid into tiles: (row, column) and window."""
    bottom, right = window.row + window.height, window.col + window.width
    for row in range(window.row, bottom, TILE):
        for col in range(window.col, right, TILE):
            tile = Window(row, col, min(TILE, bottom - row), min(TILE, right - col))
            yield (row // TILE, col // TILE), tile
