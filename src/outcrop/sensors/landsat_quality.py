"""What the bits of Landsat's quality bands mean.

Sources: QA_PIXEL and QA_RADSAT by USGS LSDS-1619 (Landsat 8-9) and LSDS-1618 (Landsat 4-7),
Collection 2 Level 2 Science Product Guides, tables of QA_PIXEL and QA_RADSAT bit assignments; BQA
of Collection 1 by LSDS-1656, Landsat Collection 1 Level 1 Product Definition; BQA before the
collections by the Landsat 8 Data Users Handbook, LSDS-1574, as it was then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from outcrop.reasons import CLOUD, EDGE, FILL, SATURATED, SHADOW, SNOW, WATER, Flag
from outcrop.sensors.mtl import Mtl

#: Confidence in two bits: 0 not known, 1 low, 2 medium, 3 high.
_MEDIUM = (2, 3)
_HIGH = (3,)

QA_PIXEL = (
    Flag(FILL, 0, 1),
    Flag(CLOUD, 2, 1),  # cirrus of high confidence
    Flag(CLOUD, 3, 1),
    Flag(CLOUD, 8, 2, _MEDIUM),
    Flag(SHADOW, 4, 1),
    Flag(SHADOW, 10, 2, _MEDIUM),
    Flag(EDGE, 1, 1),
    Flag(SNOW, 5, 1),
    Flag(WATER, 7, 1),
)

#: Collection 1. Bit 1 is terrain occlusion for OLI and a dropped pixel for TM and ETM+: no
#: view of the ground in either case. Bits 2-3 count the saturated bands, whichever they are.
BQA_COLLECTION_1 = (
    Flag(FILL, 0, 1),
    Flag(FILL, 1, 1),
    Flag(SATURATED, 2, 2, (1, 2, 3)),
    Flag(CLOUD, 4, 1),
    Flag(CLOUD, 5, 2, _MEDIUM),
    Flag(CLOUD, 11, 2, _HIGH),  # cirrus
    Flag(SHADOW, 7, 2, _MEDIUM),
    Flag(SNOW, 9, 2, _HIGH),
)

#: Landsat 8 before the collections; its shadow bits were never
#: filled.
BQA_PRE_COLLECTION = (
    Flag(FILL, 0, 1),
    Flag(FILL, 1, 1),
    Flag(FILL, 2, 1),
    Flag(CLOUD, 14, 2, _MEDIUM),
    Flag(CLOUD, 12, 2, _HIGH),
    Flag(SNOW, 10, 2, _HIGH),
    Flag(WATER, 4, 2, _HIGH),
)


def radsat(bands: Sequence[str]) -> tuple[Flag, ...]:
    """Return the flags of QA_RADSAT for the bands in use.

    Bit n - 1 is band n (B6 of ETM+ at low gain is bit 5 too); bit 9 is a dropped pixel of TM and
    ETM+, bit 11 terrain that hides the ground from OLI.
    """
    numbers = [int(name[1:]) for name in bands if name[1:].isdigit()]
    saturated = [Flag(SATURATED, n - 1, 1) for n in numbers if n <= 9]
    return (Flag(FILL, 9, 1), Flag(FILL, 11, 1), *saturated)


def layers(
    mtl: Mtl, bands: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], tuple[Flag, ...], str]]:
    """Yield for each quality band its keys in the MTL, its flags, and what is lost without it."""
    if mtl.get("COLLECTION_NUMBER") is None:
        yield ("FILE_NAME_BAND_QUALITY",), BQA_PRE_COLLECTION, "clouds are not masked"
    elif int(mtl.number("COLLECTION_NUMBER") or 0) == 1:
        yield (
            ("FILE_NAME_BAND_QUALITY", "FILE_NAME_QUALITY_L1_PIXEL"),
            BQA_COLLECTION_1,
            "clouds and shadows are not masked",
        )
    else:
        yield ("FILE_NAME_QUALITY_L1_PIXEL",), QA_PIXEL, "clouds and shadows are not masked"
        yield (
            ("FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION",),
            radsat(bands),
            "saturation is not masked",
        )
