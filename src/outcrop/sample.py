"""A seeded sample of valid pixels, drawn across a scene without loading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from outcrop import engine
from outcrop.engine import TILE, Block, Executor
from outcrop.errors import SceneError
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
    """Turns bands (band, y, x) into features (feature, y, x) with NaN in the same places."""

    @property
    def halo(self) -> int:
        """Pixels of context that the features of a block need on each side."""
        ...

    def __call__(self, data: NDArray[np.float32], /) -> NDArray[np.float32]: ...  # noqa: D102


@dataclass(frozen=True)
class _Draw:
    """Per tile: how many pixels are valid, and a random few with keys to choose between tiles."""

    scene: int
    seed: int
    most: int
    prepare: Prepare | None

    def __call__(self, data: NDArray[np.float32], block: Block) -> list[_Part]:
        features = data if self.prepare is None else self.prepare(data)
        return [
            self._tile(
                data[:, *tile.inside(block.outer)], features[:, *tile.inside(block.outer)],
                place, (tile.row, tile.col),
            )
            for place, tile in engine.tiles(block.core)
        ]  # fmt: skip

    def _tile(
        self,
        data: NDArray[np.float32],
        features: NDArray[np.float32],
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
        row, col = np.divmod(flat, data.shape[2])
        scene = np.full(len(flat), self.scene)
        return _Part(
            keys=keys,
            rows=np.ascontiguousarray(features[:, row, col].T),
            neighbours=_neighbours(features, row, col),
            positions=np.stack([scene, row + corner[0], col + corner[1]], axis=1).astype(np.int64),
            seen=mask.size,
            valid=len(index),
            finite=np.isfinite(data).sum(axis=(1, 2)),
            zero=int((data[:, mask] == 0).all(axis=0).sum()),
        )


def _neighbours(
    data: NDArray[np.float32], row: NDArray[np.intp], col: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return a neighbour (n, bands) within the tile for each pixel."""
    around = np.pad(data, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    right, below = around[:, row, col + 1].T, around[:, row + 1, col].T
    # Both directions have their turn: detectors differ across the track, lines along it.
    even = ((row + col) % 2 == 0)[:, None]
    first, second = np.where(even, right, below), np.where(even, below, right)
    some = np.where(np.isfinite(first).all(axis=1, keepdims=True), first, second)
    return np.where(np.isfinite(some).all(axis=1, keepdims=True), some, np.float32(np.nan))


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
    )


def draw(
    sources: Sequence[Source],
    n: int | Literal["all"],
    *,
    seed: int = 0,
    prepare: Prepare | None = None,
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
    prepare : callable, optional
        Makes features of the bands, which ``rows`` and ``neighbours`` then hold. The pixels
        are the same with it as without.
    threads, progress, executor
        As for `engine.run`.

    Returns
    -------
    Sample
        Independent of the number of threads. Scenes of many tiles are sampled in a random
        subset of them, enlarged until ``n`` pixels are found.

    Raises
    ------
    SceneError
        If there is no valid pixel; bands without any are named.
    """
    rng = np.random.default_rng([seed, 0xB10C])
    visits = []
    for scene, source in enumerate(sources):
        halo = prepare.halo if prepare else 0
        blocks = engine.cut(source.grid.shape, TILE, halo=halo, striped=source.striped)
        visits += [(scene, block) for block in blocks]
    order = rng.permutation(len(visits))
    wanted = None if n == "all" else n
    collected: list[_Part] = []
    done = 0
    while done < len(visits) and not _enough(collected, wanted):
        count = len(visits) if wanted is None else max(LEAST_TILES, -(-wanted // PER_TILE))
        batch = sorted(order[done : done + count])
        for scene, source in enumerate(sources):
            blocks = [visits[i][1] for i in batch if visits[i][0] == scene]
            if blocks:
                _visit(
                    source, scene, blocks, collected, wanted, seed, prepare, threads, progress,
                    executor,
                )  # fmt: skip
        done += len(batch)
    return _finish(sources, collected, wanted)


def _enough(parts: Sequence[_Part], wanted: int | None) -> bool:
    return wanted is not None and sum(p.valid for p in parts) >= wanted


def _visit(
    source: Source,
    scene: int,
    blocks: Sequence[Block],
    collected: list[_Part],
    wanted: int | None,
    seed: int,
    prepare: Prepare | None,
    threads: int,
    progress: Callable[[int, int], None] | None,
    executor: Executor | None,
) -> None:
    most = wanted if wanted is not None else TILE * TILE

    def sink(_: Block, parts: list[_Part]) -> None:
        collected.extend(parts)
        if wanted is not None and sum(len(p.keys) for p in collected) > 2 * wanted:
            collected[:] = [_join(collected).kept(wanted)]

    work = _Draw(scene, seed, most, prepare)
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
    hint = f"; keep some with --mask, which now has {', '.join(off)}" if off else ""
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
            raise SceneError(f"{names}: nothing is left to map; {_taken(sources)}")
        empty = [b.name for b, k in zip(sources[0].bands, whole.finite, strict=True) if not k]
        hint = (
            f"; without any data: {', '.join(empty)} (leave them out with --bands)"
            if empty and len(empty) < len(sources[0].bands)
            else "; check --nodata and --aoi"
        )
        raise SceneError(f"{names}: no pixel has data in every band{hint}")
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
