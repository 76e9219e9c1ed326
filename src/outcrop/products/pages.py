"""Templates of pages that ask for nothing outside themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


def page_template(
    name: str, package: str = "outcrop.products", **filters: Callable[..., str]
) -> Template:
    """Return a template of a package: what is filled in is escaped, and nothing may be missing."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined)
    pages.filters |= filters
    return pages.get_template(name)
