"""Areas and shares in words."""

from __future__ import annotations


def area_text(area: float | None, pixels: int) -> str:
    """Say an area in square kilometres, hectares or pixels."""
    if area is None:
        return f"{pixels:,} px"
    return f"{area / 1e6:,.2f} km²" if area >= 1e6 else f"{area / 1e4:,.2f} ha"


def share_text(share: float) -> str:
    """Return a share in words that never round something to nothing."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
