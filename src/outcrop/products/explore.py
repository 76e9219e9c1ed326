"""The map as one page to move about in, for a notebook or a mail: no server, no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from outcrop.cube import as_source
from outcrop.errors import InputError, OutputError
from outcrop.grid import upright
from outcrop.products.imagery import choose_composite, composite
from outcrop.products.legend import Legend
from outcrop.products.pages import page_template
from outcrop.products.wording import area_text, share_text
from outcrop.source import Window

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

#: Rows of a cube that are read at once.
ROWS = 256
#: Of the imagery, of 100: numbers must come through unchanged, but a view need not.
QUALITY = 80


@dataclass(frozen=True, repr=False)
class Explorer:
    """A page with a map to move about in; a notebook shows it in a frame.

    Parameters
    ----------
    page : str
        HTML that asks for nothing outside itself.
    height : int
        Pixels of the frame.
    """

    page: str
    height: int = 560

    @classmethod
    def of(
        cls,
        labels: NDArray[np.uint8],
        legend: Legend,
        grid: GeoBox,
        step: int,
        title: str,
        imagery: NDArray[np.uint8] | None = None,
    ) -> Explorer:
        """Make the page.

        Parameters
        ----------
        labels : ndarray of uint8, shape (y, x)
            0 = no data; every ``step``-th pixel of the grid.
        legend : Legend
        grid : GeoBox
            Of the whole map.
        step : int
        title : str
        imagery : ndarray of uint8, shape (y, x, 4), optional
            Of the same ground.
        """
        template = page_template("explore.html.j2")
        a, b, c, d, e, f = tuple(grid.affine)[:6] if grid.crs else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
        way = upright(grid)
        if way.step == -1:
            down = labels.shape[0] * step
            b, c, e, f = -b, c + b * down, -e, f + e * down
        facts: dict[str, Any] = {
            "units": [
                {"number": u.number, "name": u.label, "colour": u.colour,
                 "text": f"{area_text(u.area, u.pixels)}, {share_text(u.share)}"}
                for u in legend.units if u.pixels
            ],
            "transform": [v * step for v in (a, b)] + [c] + [v * step for v in (d, e)] + [f],
            "placed": grid.crs is not None,
            "digits": 5 if grid.crs is not None and grid.crs.geographic else 0,
        }  # fmt: skip
        return cls(template.render(
            title=title, facts=facts, labels=_uri(labels[way], "png", optimize=True),
            imagery=None if imagery is None else _uri(imagery[way], "webp", quality=QUALITY),
        ))  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, and return its path.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        path = Path(path)
        try:
            path.write_text(self.page, "utf-8")
        except OSError as error:
            raise OutputError(f"{path} cannot be written ({error.strerror})") from None
        return path

    def __repr__(self) -> str:
        """Return what to do where no page is shown."""
        return "<a map to move about in: a notebook shows it, save(path) writes it as HTML>"

    def _repr_html_(self) -> str:
        # Without allow-same-origin the page can reach nothing of the notebook.
        return (
            f'<iframe srcdoc="{escape(self.page)}" sandbox="allow-scripts" title="Map to move '
            f'about in" style="width:100%;height:{self.height}px;border:1px solid"></iframe>'
        )


def imagery_of(cube: xr.DataArray, shape: Sequence[int], step: int) -> NDArray[np.uint8]:
    """Read every so many pixels of three bands of a cube, and stretch them into an image.

    Returns
    -------
    ndarray of uint8, shape (y, x, 4)
        Transparent where there is no data.

    Raises
    ------
    InputError
        If the cube has not the shape of the map.
    """
    source = as_source(cube)
    rows, cols = source.grid.shape
    if (rows, cols) != tuple(shape):
        raise InputError(
            f"the cube has {rows} x {cols} pixels and the map {shape[0]} x {shape[1]}; give the "
            "cube that was mapped"
        )
    shown = list(choose_composite(source.bands))
    height = max(ROWS // step, 1) * step
    strips = (
        source.read(Window(row, 0, min(height, rows - row), cols))[shown, ::step, ::step]
        for row in range(0, rows, height)
    )
    return composite(np.concatenate(list(strips), axis=1))


def _uri(pixels: NDArray[np.uint8], form: str, **how: Any) -> str:
    """Return a picture as part of a page."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, form, **how)
    return f"data:image/{form};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
