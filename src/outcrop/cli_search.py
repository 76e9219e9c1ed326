"""The command ``outcrop search``: from an API or a catalog to a list of items to map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcrop.cli_options import Overwrite, Quiet

if TYPE_CHECKING:
    from outcrop.stac.search import Found


def search(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="List of items to write (.json).")
    ] = Path("items.json"),
    api: Annotated[
        str,
        typer.Option(
            "--api",
            help="earth-search, planetary-computer, usgs, dea, the address of another API, or the "
            "address or file of a static catalog.",
        ),
    ] = "earth-search",
    bbox: Annotated[
        str | None, typer.Option("--bbox", help="West,south,east,north in degrees.")
    ] = None,
    datetime: Annotated[
        str | None, typer.Option("--datetime", help="2020-06-01/2022-09-30, or one day.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", help="As sentinel-2-l2a; several by commas.")
    ] = None,
    months: Annotated[
        str | None, typer.Option("--months", help="Season: 6,7,8 or 11-2, of any year.")
    ] = None,
    cloud: Annotated[
        float | None, typer.Option("--cloud", help="Most cloud cover, in per cent.")
    ] = None,
    sun: Annotated[
        float | None, typer.Option("--sun", help="Lowest elevation of the sun, in degrees.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="Stop after so many that fit.")] = 20,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Search STAC for scenes, and write a list of those that fit.

    `outcrop map` reads the list.
    """
    from outcrop.stac.query import parse_query
    from outcrop.stac.search import search as search_for
    from outcrop.stac.search import write_items

    query = parse_query(bbox, datetime, collection, months, cloud, sun, limit)
    found = search_for(api, query)
    write_items(found, out, overwrite=overwrite)
    if not quiet:
        _show(found, out)


def _show(found: Found, out: Path) -> None:
    from outcrop.stac.query import cloud_of, sun_of, time_of

    typer.echo(f"{'item':60} {'taken':16} {'cloud %':>7} {'sun °':>6}")
    for item in found.items:
        when = time_of(item)
        taken = f"{when:%Y-%m-%d %H:%M}" if when else "-"
        cloud, sun = cloud_of(item), sun_of(item)
        typer.echo(
            f"{item.name:60} {taken:16} {'-' if cloud is None else format(cloud, '.1f'):>7} "
            f"{'-' if sun is None else format(sun, '.1f'):>6}"
        )
    left = "".join(f", {n} left out {why}" for why, n in found.left_out.most_common())
    more = "; there may be more (--limit)" if found.stopped else ""
    typer.echo(f"{len(found.items)} of {found.looked_at} items{left}{more}")
    typer.echo(f"list   {out} (next: outcrop map {out} -o out --aoi area.gpkg)")
