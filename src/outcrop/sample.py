"""A seeded sample of valid pixels, drawn across a scene without loading it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.engine import TILE, Block, Executor
from outcrop.errors import EmptyError, SceneError
from outcrop.quality import WithReasons
from outcrop.reasons import REASONS, SWITCHES
from outcrop.source import Source, has_reasons, valid_mask

#: Pixels that one tile should give at most before more tiles are visited: neighbours resemble
#: each other, so a few pixels from many places tell more than many from a few.
PER_TILE = 2000
#: Tiles that are visited at least, where the scene has them.
LEAST_TILES = 64


@dataclass(frozen=True)
class Sample:
    """Pixels that models are fitted on.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, bands)
        Valid pixels, in the order of their position.
    positions : ndarray of int64, shape (n, 3)
        Scene, row and column of each.
    seen, valid : int
        Pixels that were looked at, and those of them with data in every band.
    neighbours : ndarray of float32, shape (n, bands)
        The pixel to the right of each or, in every second place, the one below; the other of
        the two where that has no data, NaN where neither has any.
    finite : ndarray of int64, shape (bands,)
        Pixels seen with data, by band.
    zero : int
        Valid pixels that are 0 in every band: often fill that the file does not declare.
    """

    rows: NDArray[np.float32]
    neighbours: NDArray[np.float32]
    positions: NDArray[np.int64]
    seen: int
    valid: int
    finite: NDArray[np.int64]
    zero: int


class Prepare(Protocol):
    """Gives features of pixels in a block of bands."""

    @property
    def halo(self) -> int:
        """Pixels of context that the features of a block need on each side."""
        ...

    def at(
        self, data: NDArray[np.float32], row: NDArray[np.intp], col: NDArray[np.intp], /
    ) -> NDArray[np.float32]:
        """Return the features (n, d) of pixels that have data in every band (band, y, x)."""
        ...


@dataclass(frozen=True)
class _Draw:
    """Per tile: how many pixels are valid, and a random few with keys to choose between tiles."""

    scene: int
    seed: int
    most: int

    def __call__(self, data: NDArray[np.float32], block: Block) -> list[_Part]:
        return [
            self._tile(data[:, *tile.inside(block.outer)], place, (tile.row, tile.col))
            for place, tile in engine.tiles(block.core)
        ]

    def _tile(
        self,
        data: NDArray[np.float32],
        place: tuple[int, int],
        corner: tuple[int, int],
    ) -> _Part:
        mask = valid_mask(data)
        index = np.flatnonzero(mask)
        # A tile's pixels depend on the seed and on the tile alone, never on the block size.
        rng = np.random.default_rng([self.seed, self.scene, *place])
        chosen = rng.permutation(len(index))[: self.most]
        # Ranks over the count: taking all keys under a threshold takes the same share of
        # every tile, which is what makes the sample stratified by tile in one pass.
        keys = (np.arange(len(chosen)) + rng.random(len(chosen))) / max(len(index), 1)
        flat = index[chosen]
        planes = data.reshape(len(data), -1)
        row, col = np.divmod(flat, data.shape[2])
        scene = np.full(len(flat), self.scene)
        below, right, known = _neighbours(mask, row, col)
        # Picked by one number a pixel, which is twice as fast as by row and column.
        beside = np.where(known, planes[:, below * data.shape[2] + right], np.float32(np.nan))
        return _Part(
            keys=keys,
            rows=np.ascontiguousarray(planes[:, flat].T),
            neighbours=np.ascontiguousarray(beside.T),
            positions=np.stack([scene, row + corner[0], col + corner[1]], axis=1).astype(np.int64),
            seen=mask.size,
            valid=len(index),
            finite=np.isfinite(data).sum(axis=(1, 2)),
            zero=int(((data == 0).all(axis=0) & mask).sum()),
            complete=self.most / len(index) if len(index) > self.most else np.inf,
        )


def _neighbours(
    valid: NDArray[np.bool_], row: NDArray[np.intp], col: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return row and column of a valid neighbour within the tile, and where there is one."""
    around = np.pad(valid, ((0, 1), (0, 1)))
    right, below = around[row, col + 1], around[row + 1, col]
    # Both directions have their turn: detectors differ across the track, lines along it.
    even = (row + col) % 2 == 0
    rightward = np.where(even, right, right & ~below)
    downward = below & ~rightward
    return row + downward, col + rightward, right | below


@dataclass(frozen=True)
class _Part:
    keys: NDArray[np.float64]
    rows: NDArray[np.float32]
    neighbours: NDArray[np.float32]
    positions: NDArray[np.int64]
    seen: int
    valid: int
    finite: NDArray[np.int64]
    zero: int
    #: No pixel with a key under it was left out.
    complete: float

    def kept(self, n: int) -> _Part:
        """Return the part with only its ``n`` lowest keys."""
        if len(self.keys) <= n:
            return self
        keep = np.argpartition(self.keys, n - 1)[:n]
        return _Part(
            self.keys[keep],
            self.rows[keep],
            self.neighbours[keep],
            self.positions[keep],
            self.seen,
            self.valid,
            self.finite,
            self.zero,
            self.complete,
        )


def _join(parts: Sequence[_Part]) -> _Part:
    return _Part(
        np.concatenate([p.keys for p in parts]),
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.neighbours for p in parts]),
        np.concatenate([p.positions for p in parts]),
        sum(p.seen for p in parts),
        sum(p.valid for p in parts),
        np.sum([p.finite for p in parts], axis=0),
        sum(p.zero for p in parts),
        min(p.complete for p in parts),
    )


def draw(
    sources: Sequence[Source],
    n: int | Literal["all"],
    *,
    seed: int = 0,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
    executor: Executor | None = None,
) -> Sample:
    """Draw valid pixels from one or more scenes of the same bands.

    Parameters
    ----------
    sources : sequence of Source
    n : int or "all"
        Pixels wanted; fewer come back if there are no more.
    seed : int
        Decides which, together with the tile that a pixel lies in.
    threads, progress, executor
        As for `engine.run`.

    Returns
    -------
    Sample
        Independent of the number of threads. Scenes of many tiles are sampled in a random
        subset of them, enlarged until ``n`` pixels are found.

    Raises
    ------
    EmptyError
        If there is no valid pixel; bands without any are named.
    """
    rng = np.random.default_rng([seed, 0xB10C])
    visits = []
    for scene, source in enumerate(sources):
        blocks = engine.cut(source.grid.shape, TILE, striped=source.striped)
        visits += [(scene, block) for block in blocks]
    order = rng.permutation(len(visits))
    wanted = None if n == "all" else n
    # Few tiles give more than this; if one had to, all is drawn again with nothing left out.
    visited = min(len(visits), max(LEAST_TILES, -(-(wanted or 0) // PER_TILE)))
    few = TILE * TILE if wanted is None else 4 * -(-wanted // max(visited, 1))
    for most in (few, TILE * TILE):
        parts = _drawn(sources, visits, order, wanted, seed, most, threads, progress, executor)
        if not parts or _complete(_join(parts), wanted):
            break
    return _finish(sources, parts, wanted)


def _complete(part: _Part, wanted: int | None) -> bool:
    """Tell whether the lowest keys are the lowest of all pixels, also of those not taken."""
    enough = wanted is None or len(part.keys) >= wanted or part.complete == np.inf
    keys = part.keys if wanted is None else part.kept(wanted).keys
    return bool(enough and keys.max(initial=0.0) <= part.complete)


def _drawn(
    sources: Sequence[Source],
    visits: Sequence[tuple[int, Block]],
    order: NDArray[np.intp],
    wanted: int | None,
    seed: int,
    most: int,
    threads: int,
    progress: Callable[[int, int], None] | None,
    executor: Executor | None,
) -> list[_Part]:
    """Visit tiles until they hold enough valid pixels; ``most`` of each are taken."""
    collected: list[_Part] = []
    done = 0
    while done < len(visits) and not _enough(collected, wanted):
        count = len(visits) if wanted is None else max(LEAST_TILES, -(-wanted // PER_TILE))
        batch = sorted(order[done : done + count])
        for scene, source in enumerate(sources):
            blocks = [visits[i][1] for i in batch if visits[i][0] == scene]
            if blocks:
                work = _Draw(scene, seed, most)
                _visit(source, work, blocks, collected, wanted, threads, progress, executor)
        done += len(batch)
    return collected


def prepared(
    source: Source,
    sample: Sample,
    prepare: Prepare,
    *,
    neighbours: bool = False,
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
    executor: Executor | None = None,
) -> Sample:
    """Return a sample of one scene with features in place of bands.

    The scene is read a second time, where the sample lies: what features need of the pixels
    around, such as a measure of the noise, may come from the sample itself.

    Parameters
    ----------
    source : Source
    sample : Sample
    prepare : Prepare
        Gives the features.
    neighbours : bool
        Whether those of the neighbours are wanted; NaN otherwise.
    threads, progress, executor
        As for `engine.run`.
    """
    width = source.grid.shape[1]
    tall, wide = (TILE, width) if source.striped else (TILE, TILE)
    blocks = engine.cut(source.grid.shape, TILE, halo=prepare.halo, striped=source.striped)
    place = sample.positions[:, 1] // tall * -(-width // wide) + sample.positions[:, 2] // wide
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(blocks) + 1))
    inside = {b.index: order[starts[b.index] : starts[b.index + 1]] for b in blocks}
    here = {i: sample.positions[rows, 1:] for i, rows in inside.items() if len(rows)}
    found: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def sink(block: Block, features: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
        found[block.index] = features

    engine.run(
        source, _Prepare(prepare, here, neighbours), sink,
        blocks=[b for b in blocks if b.index in here], threads=threads, progress=progress,
        executor=executor,
    )  # fmt: skip
    back = np.argsort(np.concatenate([inside[i] for i in found]), kind="stable")
    rows, beside = (np.concatenate([f[i] for f in found.values()])[back] for i in (0, 1))
    return replace(sample, rows=rows, neighbours=beside)


@dataclass(frozen=True)
class _Prepare:
    """The features at given positions, by block, and those of the same neighbours as drawn."""

    prepare: Prepare
    positions: Mapping[int, NDArray[np.int64]] = field(repr=False)
    neighbours: bool

    def __call__(
        self, data: NDArray[np.float32], block: Block
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        place = self.positions[block.index]
        row, col = (place - [block.outer.row, block.outer.col]).T
        if not self.neighbours:
            rows = self.prepare.at(data, row, col)
            return rows, np.full_like(rows, np.nan)
        below, right, known = self._beside(data, place, block)
        both = self.prepare.at(
            data, np.concatenate([row, below[known]]), np.concatenate([col, right[known]])
        )
        beside = np.full((len(row), both.shape[1]), np.nan, np.float32)
        beside[known] = both[len(row) :]
        return both[: len(row)], beside

    @staticmethod
    def _beside(
        data: NDArray[np.float32], place: NDArray[np.int64], block: Block
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Find the neighbours within each tile, as they were when the sample was drawn."""
        valid = valid_mask(data)
        out = np.zeros((2, len(place)), np.intp), np.zeros(len(place), bool)
        for _, tile in engine.tiles(block.core):
            corner, size = np.array([tile.row, tile.col]), np.array([tile.height, tile.width])
            mine = ((place >= corner) & (place < corner + size)).all(axis=1)
            below, right, known = _neighbours(
                valid[tile.inside(block.outer)], *(place[mine] - corner).T
            )
            out[0][:, mine] = below + tile.row, right + tile.col
            out[1][mine] = known
        return out[0][0] - block.outer.row, out[0][1] - block.outer.col, out[1]


def _enough(parts: Sequence[_Part], wanted: int | None) -> bool:
    return wanted is not None and sum(p.valid for p in parts) >= wanted


def _visit(
    source: Source,
    work: _Draw,
    blocks: Sequence[Block],
    collected: list[_Part],
    wanted: int | None,
    threads: int,
    progress: Callable[[int, int], None] | None,
    executor: Executor | None,
) -> None:
    def sink(_: Block, parts: list[_Part]) -> None:
        collected.extend(parts)
        if wanted is not None and sum(len(p.keys) for p in collected) > 2 * wanted:
            collected[:] = [_join(collected).kept(wanted)]

    engine.run(
        source, work, sink, blocks=blocks, threads=threads, progress=progress, executor=executor
    )


def _taken(sources: Sequence[Source]) -> str:
    """Say which mask took how much: every pixel is looked at once more."""
    pixels = np.zeros(256, np.int64)

    def sink(_: Block, counts: NDArray[np.int64]) -> None:
        pixels[:] += counts

    for source in sources:
        engine.run(WithReasons(source), _count_reasons, sink)
    took = [f"{r.name} {pixels[r.code] / pixels.sum():.1%}" for r in REASONS if pixels[r.code]]
    off = [r.name for r in REASONS if r.name in SWITCHES and pixels[r.code]]
    hint = f"; keep some with a --mask that lacks {' or '.join(off)}, or --mask none" if off else ""
    return ", ".join(took) + hint


def _count_reasons(data: NDArray[np.float32], block: Block) -> NDArray[np.int64]:
    return np.bincount(
        data[-1][block.core.inside(block.outer)].astype(np.uint8).ravel(), minlength=256
    )


def _finish(sources: Sequence[Source], parts: Sequence[_Part], wanted: int | None) -> Sample:
    names = " + ".join(s.name for s in sources)
    if not parts:
        raise SceneError(f"{names}: the grid has no pixels")
    whole = _join(parts)
    if not whole.valid:
        if any(has_reasons(s) for s in sources):
            raise EmptyError(f"{names}: nothing is left to map; {_taken(sources)}")
        empty = [b.name for b, k in zip(sources[0].bands, whole.finite, strict=True) if not k]
        hint = (
            f"; without any data: {', '.join(empty)} (leave them out with --bands)"
            if empty and len(empty) < len(sources[0].bands)
            else "; check --nodata and --aoi"
        )
        raise EmptyError(f"{names}: no pixel has data in every band{hint}")
    whole = whole.kept(len(whole.keys) if wanted is None else wanted)
    place = np.lexsort(whole.positions.T[::-1])
    return Sample(
        whole.rows[place],
        whole.neighbours[place],
        whole.positions[place],
        whole.seen,
        whole.valid,
        whole.finite,
        whole.zero,
    )
