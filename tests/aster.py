"""Small ASTER products in the real layout, for tests: HDF4 through pyhdf, and GeoTIFFs."""

import json
from pathlib import Path

import numpy as np
from affine import Affine
from pyhdf.SD import SD, SDC

from rasters import write

SIZES = {"VNIR": 15.0, "SWIR": 30.0, "TIR": 90.0}
BANDS = {"VNIR": ["1", "2", "3N"], "SWIR": list("456789"), "TIR": ["10", "11", "12", "13", "14"]}
#: As 4945 x 5593, 2473 x 2797 and 825 x 933 of the real ones: n, (n + 1) / 2, (n + 5) / 6.
SHAPES = {"VNIR": (61, 85), "SWIR": (31, 43), "TIR": (11, 15)}
UL = (1744560.0, 252000.0)
GAINS = {"01": "HGH", "02": "HGH", "3N": "NOR", **{f"0{i}": "NOR" for i in range(4, 10)}}
SUN = (86.162211, 75.830363)
INCL = {"1": 0.676, "2": 0.708, "3N": 0.862, "4": 0.2174, "5": 0.0696, "6": 0.0625, "7": 0.0597,
        "8": 0.0417, "9": 0.0318, "10": 0.006822, "11": 0.00678, "12": 0.00659, "13": 0.005693,
        "14": 0.005225}  # fmt: skip


def name(product="AST_L1T", day=(5, 3, 2000), made="20150409135350_78838"):
    return f"{product}_003{day[0]:02}{day[1]:02}{day[2]}040446_{made}"


def item(key, value, level=1):
    """One object as the ECS toolkit writes it."""
    pad = "  " * level
    texts = value if isinstance(value, tuple) else (value,)
    parts = [f'"{v}"' if isinstance(v, str) else f"{v}" for v in texts]
    text = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
    return (
        f"{pad}OBJECT                 = {key}\n{pad}  NUM_VAL              = {len(parts)}\n"
        f"{pad}  VALUE                = {text}\n{pad}END_OBJECT             = {key}\n"
    )


def core(product="AST_L1T", day=(5, 3, 2000), north=15.77):
    return (
        "\nGROUP                  = INVENTORYMETADATA\n  GROUPTYPE            = MASTERGROUP\n"
        + item("SHORTNAME", product)
        + item("CALENDARDATE", f"{day[2]}{day[0]:02}{day[1]:02}")
        + item("TIMEOFDAY", "040446534000")
        + item("NORTHBOUNDINGCOORDINATE", north)
        + "END_GROUP              = INVENTORYMETADATA\nEND\n"
    )


def generic(gains=None, sun=SUN, corners=True, ul=UL, zone=48):
    gains = GAINS if gains is None else gains
    rows, cols = SHAPES["VNIR"]
    lr = (ul[0] - 15 * (rows - 1), ul[1] + 15 * (cols - 1))
    text = "\nGROUP                  = PRODUCTGENERICMETADATA\n" + item("SOLARDIRECTION", sun)
    text += '  OBJECT = GAININFORMATION\n    CLASS = "1"\n'
    text += "".join(item("GAIN", (b, g), 2) for b, g in gains.items())
    text += "  END_OBJECT = GAININFORMATION\n" + item("UTMZONENUMBER", zone)
    if corners:
        text += item("UPPERLEFTM", ul) + item("LOWERRIGHTM", lr)
    return text + "END_GROUP = PRODUCTGENERICMETADATA\nEND\n"


def coefficients(kind, incl):
    text = f"\nGROUP = PRODUCTSPECIFICMETADATA{kind}\n"
    for band in BANDS[kind]:
        if band in incl:
            text += item(f"INCL{band}", incl[band]) + item(f"OFFSET{band}", -incl[band])
            text += item(f"CONUNIT{band}", "W/m2/sr/um")
            text += item(f"PROJECTIONPARAMETERS{band}", (6378137.0, 6356752.3, 0.9996, 0.0))
    return text + "END_GROUP\nEND\n"


def numbers(kind, band, seed=0, shape=None):
    """Three stripes of ground from west to east, each with its own numbers."""
    shape = shape or SHAPES[kind]
    rng = np.random.default_rng([seed, *band.encode()])
    stripe = np.arange(shape[1]) * 3 // shape[1]
    high = 1500 if kind == "TIR" else 60
    base = high + high * ((stripe * (2 + len(band)) + ord(band[0])) % 3) // 2
    noise = rng.integers(0, 4, shape)
    return (base[None] + noise).astype("u2" if kind == "TIR" else "u1")


_CODES = {"u1": SDC.UINT8, "u2": SDC.UINT16, "i2": SDC.INT16, "f8": SDC.FLOAT64}


def hdf(path: Path, planes, texts):
    """Write an HDF4 file of planes and texts."""
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    for key, data in planes.items():
        data = np.ascontiguousarray(data)
        plane = file.create(key, _CODES[data.dtype.str[1:]], data.shape)
        plane[:] = data
        plane.endaccess()
    for key, text in texts.items():
        file.attr(key).set(SDC.CHAR, text)
    file.end()
    return path


def planes(change=None, kinds=("VNIR", "SWIR", "TIR")):
    found = {f"ImageData{b}": numbers(k, b) for k in kinds for b in BANDS[k]}
    return found | (change or {})


def l1t(folder: Path, *, change=None, kinds=("VNIR", "SWIR", "TIR"), day=(5, 3, 2000), incl=INCL,
        north=15.77, **more):  # fmt: skip
    """Write an L1T product as HDF4 and return the file."""
    texts = {
        "coremetadata.0": core(day=day, north=north),
        "productmetadata.0": generic(**more),
        "productmetadata.v": coefficients("VNIR", incl),
        "productmetadata.s": coefficients("SWIR", incl),
        "productmetadata.t": coefficients("TIR", incl),
    }
    return hdf(folder / f"{name(day=day)}.hdf", planes(change, kinds), texts)


def xml(path: Path, day="2000-05-03", elevation="75.830363", gains=None, product="AST_L1T"):
    """Write the metadata as the LP DAAC lays it beside the HDF file, document type and all."""
    gains = "01 HGH, 02 HGH, 3N NOR, 04 NOR, 05 NOR, 06 NOR, 07 NOR, 08 NOR, 09 NOR" \
        if gains is None else gains  # fmt: skip
    psa = {"Solar_Azimuth_Angle": "86.162211", "Solar_Elevation_Angle": elevation,
           "ASTERGains": gains, "UTMZoneNumber": "48"}  # fmt: skip
    inner = "".join(
        f"<PSA><PSAName>{k}</PSAName><PSAValue>{v}</PSAValue></PSA>" for k, v in psa.items()
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE GranuleMetaDataFile SYSTEM '
        '"http://ecsinfo.gsfc.nasa.gov/x/ScienceGranuleMetadata.dtd">\n<GranuleMetaDataFile>'
        f"<GranuleURMetaData><CollectionMetaData><ShortName>{product}</ShortName>"
        f"</CollectionMetaData><SingleDateTime><CalendarDate>{day}</CalendarDate></SingleDateTime>"
        f"<PSAs>{inner}</PSAs></GranuleURMetaData></GranuleMetaDataFile>"
    )
    return path


def umm(path: Path, product="AST_L1T", day="2000-05-03"):
    """Write the metadata of version 4."""
    gains = ", ".join(f"{b} {g}" for b, g in GAINS.items())
    content = {
        "TemporalExtent": {"SingleDateTime": f"{day}T04:04:46.53400Z"},
        "AdditionalAttributes": [
            {"Name": "ASTERGains", "Values": [gains]},
            {"Name": "SolarAzimuthAngle", "Values": ["86.162211"]},
            {"Name": "SolarElevationAngle", "Values": ["75.830363"]},
        ],
        "CollectionReference": {"ShortName": product, "Version": "004"},
    }
    path.write_text(json.dumps(content))
    return path


def grid(kind, shape=None):
    """The true transform of a subsystem of L1T."""
    size = SIZES[kind]
    return Affine(size, 0, UL[1] - size / 2, 0, -size, UL[0] + size / 2)


def cogs(folder: Path, *, stretched=True, day=(5, 3, 2000), kinds=("VNIR", "SWIR", "TIR")):
    """Write L1T as one GeoTIFF a subsystem with the metadata beside, and return the folder."""
    for kind in kinds:
        (rows, cols), size = SHAPES[kind], SIZES[kind]
        wrong = Affine(size * (cols - 1) / cols, 0, UL[1], 0, -size * (rows - 1) / rows, UL[0])
        data = np.stack([numbers(kind, b) for b in BANDS[kind]])
        write(folder / f"{name(day=day)}-{kind}.tif", data, crs="EPSG:32648",
              transform=wrong if stretched else grid(kind), nodata=0)  # fmt: skip
    xml(folder / f"{name(day=day)}.hdf.xml", day=f"{day[2]}-{day[0]:02}-{day[1]:02}")
    return folder


#: Level 2 lies along the satellite's path.
TURNED = Affine.translation(250000.0, 1740000.0) * Affine.rotation(-10.5) * Affine.scale(1, -1)


def lattice(kind, shape):
    """Latitude and longitude of 11 x 11 positions, at centres of pixels."""
    from pyproj import Transformer

    rows, cols = (np.arange(11) * n / 10 + 0.5 for n in shape)
    col, row = np.meshgrid(cols, rows)
    east, north = TURNED * Affine.scale(SIZES[kind]) * (col, row)
    lon, lat = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True).transform(
        east, north
    )
    return {"GeodeticLatitude": lat.astype("f8"), "Longitude": lon.astype("f8")}


LEVEL2 = {"VNIR": (60, 80), "SWIR": (30, 40), "TIR": (10, 20)}


def level2(folder: Path, product="AST_07XT", *, form="hdf", change=None, quality=None,
           day=(5, 3, 2000), lattices=True):  # fmt: skip
    """Write a Level 2 product as HDF4 (a file a subsystem) or as GeoTIFFs of version 4."""
    kinds = ("TIR",) if product == "AST_05" else ("VNIR", "SWIR")
    for i, kind in enumerate(kinds):
        shape = LEVEL2[kind]
        data = {b: (numbers(kind, b, shape=shape).astype("i2") * (1 if kind == "TIR" else 4))
                for b in BANDS[kind]}  # fmt: skip
        if kind == "TIR":
            data = {b: d // 4 for b, d in data.items()}
        data |= {b: d for b, d in (change or {}).items() if b in BANDS[kind]}
        plane = (
            np.zeros(shape, "u1") if quality is None else quality.get(kind, np.zeros(shape, "u1"))
        )
        if form == "hdf":
            content = {f"Band{b}": d for b, d in data.items()} | {"QA_DataPlane": plane}
            content |= lattice(kind, shape) if lattices else {}
            texts = {
                "coremetadata.0": core(product, day),
                "productmetadata.0": generic(corners=False),
            }
            hdf(folder / f"{name(product, day, f'2015040913535{i}_78838')}.hdf", content, texts)
            continue
        stem = name(product, day, f"2025040913535{i}").replace("_003", "_004")
        layer = "SRE" if product == "AST_05" else "SRF"
        place = TURNED * Affine.scale(SIZES[kind])
        for b, d in data.items():
            label = "B03N" if b == "3N" else f"B{b.zfill(2)}"
            write(
                folder / f"{stem}_{layer}_{kind}_{label}.tif", d, crs="EPSG:32648", transform=place
            )
        write(folder / f"{stem}_{layer}_{kind}_QA_DataPlane.tif", plane, crs="EPSG:32648",
              transform=place)  # fmt: skip
    return folder
