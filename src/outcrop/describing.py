"""What a scene is taken for, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from outcrop.errors import listed
from outcrop.mosaic import overlap
from outcrop.sample import draw
from outcrop.source import Source, Window, file_paths, leaves, notes_of, products_of, suns_of
from outcrop.warp import gcps_of, say_grid

#: Valid pixels that the ranges of bands are taken from.
PIXELS = 20_000
#: More bands than these are not listed one by one.
MOST_BANDS = 40
#: What to do about a raster that does not say what its bands are.
NO_WAVELENGTHS = (
    "the bands' wavelengths are not known, so neither are indices, colours and likenesses to "
    "spectra; name the instrument with --sensor (see: outcrop sensors)"
)


@dataclass(frozen=True)
class Description:
    """A scene's grid, bands and share of data; ``coverage`` is measured on ``looked_at`` pixels.

    ``scenes`` are those that it is made of, each with its own grid and its rows and columns on the
    common one, and ``overlaps`` the pairs of them whose grids have pixels in common, with the share
    of the smaller one's. ``product`` is what the scene was recognised as (empty for a plain raster)
    and ``notes`` what its reader wants the user to know; ``suns`` is where the sun stood, by their
    metadata.
    """

    name: str
    files: tuple[str, ...]
    shape: tuple[int, int]
    crs: str | None
    transform: tuple[float, ...]
    bands: tuple[dict[str, Any], ...]
    coverage: float
    looked_at: int
    product: tuple[str, ...] = ()
    suns: tuple[dict[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    scenes: tuple[dict[str, Any], ...] = ()
    overlaps: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    def __str__(self) -> str:
        rows, cols = self.shape
        a, b, _, d, e, _ = self.transform
        pixel = f"{(a * a + d * d) ** 0.5:g} x {(b * b + e * e) ** 0.5:g}"
        suns = ", ".join(
            f"azimuth {s['azimuth']:.1f}, elevation {s['elevation']:.1f}" for s in self.suns
        )
        lines = [
            f"{self.name}",
            f"  product   {' + '.join(self.product) or 'none that is known: read as a raster'}",
            f"  grid      {rows} rows x {cols} columns, pixel {pixel} ({_unit(self.crs)})",
            f"  CRS       {self.crs or 'none'}",
            f"  sun       {suns or 'not in the metadata'}",
            f"  data      {self.coverage:.1%} of {self.looked_at} pixels looked at",
            *_say_bands(self.bands),
        ]
        lines += _say_scenes(self.scenes, self.overlaps)
        if all(b["wavelength_um"] is None and b["quantity"] != "feature" for b in self.bands):
            lines.append(f"  note: {NO_WAVELENGTHS}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def _say_bands(bands: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a table; of a spectrometer's bands the first, the last and those with common names."""
    many, last = len(bands) > MOST_BANDS, len(bands) - 1
    shown = [b for i, b in enumerate(bands) if not many or i in (0, last) or b["common_name"]]
    width = max(14, *(len(band["name"]) for band in shown))
    yield (
        f"  {'band':{width}} {'um':>8} {'fwhm':>9} {'common name':12} {'quantity':12} "
        f"{'1%':>10} {'median':>10} {'99%':>10}"
    )
    for band in shown:
        low, middle, high = band["percentiles"]
        yield (
            f"  {band['name']:{width}} {_or_dash(band['wavelength_um']):>8} "
            f"{_or_dash(band['fwhm_um']):>9} {band['common_name'] or '-':12} "
            f"{band['quantity']:12} {low:>10.5g} {middle:>10.5g} {high:>10.5g}"
        )
    if many:
        yield f"  ({len(shown)} of {len(bands)} bands; --json tells all)"


def _unit(crs: str | None) -> str:
    """Say what the sizes of pixels are in."""
    from pyproj import CRS

    if crs is None:
        return "no CRS: rows and columns"
    axes = CRS.from_user_input(crs).axis_info
    return str(axes[0].unit_name) if axes else "CRS units"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def describe(source: Source) -> Description:
    """Describe a scene from its metadata and a sample of its pixels.

    Raises
    ------
    SceneError
        If it cannot be read or has no pixel with data in every band.
    """
    import numpy as np

    sample = draw([source], PIXELS)
    placed = _scenes(source)
    ranges = np.percentile(sample.rows, (1, 50, 99), axis=0).T
    return Description(
        name=source.name,
        files=tuple(file_paths(source)),
        shape=(source.grid.shape[0], source.grid.shape[1]),
        crs=str(source.grid.crs) if source.grid.crs is not None else None,
        transform=tuple(source.grid.affine[:6]),
        bands=tuple(
            {**asdict(band), "percentiles": [float(v) for v in row]}
            for band, row in zip(source.bands, ranges, strict=True)
        ),
        coverage=sample.valid / sample.seen,
        looked_at=sample.seen,
        product=products_of(source),
        suns=tuple(asdict(sun) for sun in suns_of(source)),
        notes=tuple(reading_notes(source)),
        scenes=tuple(facts for facts, _ in placed),
        overlaps=tuple(_overlaps([window for _, window in placed])),
    )


def reading_notes(source: Source) -> list[str]:
    """Say how a scene is read: what its products want to be known, and what it does not say."""
    notes = notes_of(source)
    if source.grid.crs is None:
        notes.append(
            f"{source.name} has no CRS: positions are rows and columns, areas are in pixels"
        )
        if gcps := gcps_of(source):
            notes[-1] += f" ({gcps.count} ground control points place it: --crs {gcps.crs})"
    unknown = [b.name for b in source.bands if b.quantity == "unknown"]
    if unknown:
        notes.append(
            f"the scale of {listed(unknown)} is not known: values are used as they are stored "
            "(give --scale and --offset to map reflectance)"
        )
    return notes


def _scenes(source: Source) -> list[tuple[dict[str, Any], Window]]:
    """Say of each scene that a source is made of what it was and where it lies."""
    for leaf in leaves(source):
        if parts := getattr(leaf, "parts", ()):
            # A stack's parts begin before the common grid, a mosaic's on it.
            sign = -1 if hasattr(leaf, "picks") else 1
            windows = [Window(sign * r, sign * c, *part.grid.shape) for part, r, c in parts]
            return [
                (
                    {"name": part.name, "grid": say_grid(_first_grid(part)), "rows": w.height,
                     "columns": w.width},
                    w,
                )
                for (part, _, _), w in zip(parts, windows, strict=True)
            ]  # fmt: skip
    return []


def _first_grid(source: Source) -> Any:
    """Return the grid of a scene before it was brought onto another."""
    warped = (leaf for leaf in leaves(source) if hasattr(leaf, "pixels"))
    return next((leaf.base.grid for leaf in warped), source.grid)


def _overlaps(windows: Sequence[Window]) -> Iterator[dict[str, Any]]:
    for a, b in combinations(range(len(windows)), 2):
        common = overlap(windows[a], windows[b])
        if common is not None:
            least = min(windows[i].height * windows[i].width for i in (a, b))
            pixels = common.height * common.width
            yield {"scenes": [a + 1, b + 1], "pixels": pixels, "share": pixels / least}


def _say_scenes(
    scenes: Sequence[dict[str, Any]], overlaps: Sequence[dict[str, Any]]
) -> Iterator[str]:
    for i, scene in enumerate(scenes, start=1):
        yield (
            f"  scene {i}   {scene['name']}: {scene['grid']}; {scene['rows']} rows x "
            f"{scene['columns']} columns here"
        )
    for pair in overlaps:
        a, b = pair["scenes"]
        share = f"{pair['share']:.0%} of the smaller"
        yield f"  overlap   {a} and {b}: {pair['pixels']} pixels, {share}"
