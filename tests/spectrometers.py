"""Small EMIT, PRISMA and EnMAP products in their real layout, for tests."""

from pathlib import Path

import h5py
import numpy as np
import rasterio
from affine import Affine

#: Along the wavelengths a slope, with an absorption at 2.2 um whose depth the pixel decides.
WKT = rasterio.crs.CRS.from_epsg(4326).to_wkt()


def spectrum(um, level, depth):
    um = np.asarray(um)
    line = np.exp(-(((um - 2.2) / 0.04) ** 2))
    return level * (0.5 + 0.2 * um) * (1 - depth * line)


def ground(rows, cols):
    """Level and depth of each pixel: two units, and a gradient of light over them."""
    y, x = np.mgrid[:rows, :cols]
    return 0.3 + 0.002 * y / rows, np.where(x < cols // 2, 0.0, 0.4)


def cube_of(um, rows, cols, seed=0):
    level, depth = ground(rows, cols)
    cube = spectrum(um[None, None], level[..., None], depth[..., None])
    noise = np.random.default_rng(seed).standard_normal(cube.shape) * 0.002
    return (cube + noise).astype(np.float32)


EMIT = "EMIT_L2A_RFL_001_20230316T045133_2307503_005.nc"
EMIT_UM = np.round(np.linspace(0.381, 2.493, 60), 4)


def write_emit(folder: Path, rows=30, cols=24, mask=True, **attrs):
    """Rotate a swath by a quarter: the map's column is the swath's row."""
    folder.mkdir(exist_ok=True)
    path = folder / EMIT
    wet = ((EMIT_UM > 1.325) & (EMIT_UM < 1.435)) | ((EMIT_UM > 1.77) & (EMIT_UM < 1.965))
    cube = cube_of(EMIT_UM, rows, cols)
    cube[..., wet] = -0.01
    cube[3, 4] = -9999
    with h5py.File(path, "w") as file:
        file.attrs["geotransform"] = [10.0, 0.000542, 0.0, -20.0, 0.0, -0.000542]
        file.attrs["spatial_ref"] = WKT
        file.attrs["time_coverage_start"] = "2023-03-16T04:51:33+0000"
        for key, value in attrs.items():
            file.attrs[key] = value
        data = file.create_dataset("reflectance", data=cube, chunks=(16, 16, 16), compression=4)
        data.attrs["_FillValue"] = np.array([-9999.0], np.float32)
        group = file.create_group("sensor_band_parameters")
        group["wavelengths"] = (EMIT_UM * 1000).astype("f4")
        group["fwhm"] = np.full(len(EMIT_UM), 8.5, "f4")
        group["good_wavelengths"] = (~wet).astype("u1")
        x, y = lookup(rows, cols)
        file["location/glt_x"], file["location/glt_y"] = x, y
    if mask:
        write_emit_mask(folder, rows, cols)
    return path, cube


def lookup(rows, cols):
    """Return a lookup table with a margin of one pixel without anything around it."""
    shape = (cols + 2, rows + 2)
    x, y = np.zeros(shape, "i4"), np.zeros(shape, "i4")
    x[1:-1, 1:-1] = np.arange(1, cols + 1)[:, None]
    y[1:-1, 1:-1] = np.arange(1, rows + 1)[None]
    x[5, 5] *= -1  # filled in from a neighbour
    y[5, 5] *= -1
    return x, y


def write_emit_mask(folder, rows, cols):
    names = ["Cloud flag", "Cirrus flag", "Water flag", "Spacecraft Flag", "Dilated Cloud Flag",
             "AOD550", "H2O (g cm-2)", "Aggregate Flag"]  # fmt: skip
    mask = np.zeros((rows, cols, len(names)), np.float32)
    mask[10:12, 10:12, 0] = 1
    mask[20, 20, 2] = 1
    mask[..., 5] = 0.2
    with h5py.File(folder / EMIT.replace("_RFL_", "_MASK_"), "w") as file:
        file.create_dataset("mask", data=mask).attrs["_FillValue"] = np.array([-9999.0], "f4")
        file["sensor_band_parameters/mask_bands"] = np.array(names, object)


PRISMA = "PRS_L2D_STD_20201107101404_20201107101408_0001.he5"


def write_prisma(folder: Path, rows=20, cols=16, **attrs):
    """Write it as it comes: wavelengths fall, some bands are absent, the detectors overlap."""
    folder.mkdir(exist_ok=True)
    path = folder / PRISMA
    um = {"Vnir": np.linspace(0.978, 0.402, 20), "Swir": np.linspace(2.497, 0.943, 50)}
    limits = {"Vnir": (0.0, 0.9), "Swir": (0.01, 0.8)}
    with h5py.File(path, "w") as file:
        file.attrs.update({
            "Processing_Level": b"2D", "Product_ID": b"PRS_L2D_STD", "Epsg_Code": 32633,
            "Product_ULcorner_easting": 500015.0, "Product_ULcorner_northing": 4999985.0,
            "Product_LRcorner_easting": 500015.0 + 30 * (cols - 1),
            "Product_LRcorner_northing": 4999985.0 - 30 * (rows - 1),
            "Sun_zenith_angle": 50.0, "Sun_azimuth_angle": 160.0,
        })  # fmt: skip
        for detector, axis in um.items():
            low, high = limits[detector]
            cube = cube_of(axis, rows, cols)
            stored = np.round((cube - low) / (high - low) * 65535).clip(1, 65535).astype("u2")
            stored[0] = 0  # the margin that turning north up leaves
            stored[5, 5, :3] = 0  # a dark pixel of which the correction left nothing
            name = f"HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/{detector.upper()}_Cube"
            file.create_dataset(name, data=stored.transpose(0, 2, 1), compression=4)
            listed = (axis * 1000).astype("f4")
            if detector == "Vnir":
                listed[-2:] = 0  # the last bands of the VNIR cube are not there
            file.attrs[f"List_Cw_{detector}"] = listed
            file.attrs[f"List_Cw_{detector}_Flags"] = (listed > 0).astype("i4")
            file.attrs[f"List_Fwhm_{detector}"] = np.full(len(axis), 11.0, "f4")
            file.attrs[f"L2Scale{detector}Min"], file.attrs[f"L2Scale{detector}Max"] = low, high
        for key, value in attrs.items():
            file.attrs[key] = value
    return path


ENMAP = "ENMAP01-____L2A-DT0000001867_20220724T104526Z_008_V010302_20230628T165614Z"
ENMAP_UM = np.sort(np.concatenate([np.linspace(0.418, 0.993, 30), np.linspace(0.902, 2.445, 45)]))


def write_enmap(folder: Path, rows=20, cols=16, drop=()):
    folder.mkdir(exist_ok=True)
    vnir = {round(float(v), 9) for v in np.linspace(0.418, 0.993, 30)}
    second = [i + 1 for i, um in enumerate(ENMAP_UM) if round(float(um), 9) not in vnir]
    first = [i + 1 for i in range(len(ENMAP_UM)) if i + 1 not in second]
    silent = next(i for i, um in enumerate(ENMAP_UM, start=1) if um > 2.4)
    bands = "".join(
        f'<bandID number="{i}"><wavelengthCenterOfBand>{um * 1000:.3f}</wavelengthCenterOfBand>'
        "<FWHMOfBand>8.1</FWHMOfBand><GainOfBand>0.0001</GainOfBand>"
        f"<OffsetOfBand>{0.001 if i == 1 else 0}</OffsetOfBand></bandID>"
        for i, um in enumerate(ENMAP_UM, start=1)
        if i not in drop
    )
    statistics = "".join(
        f'<bandID number="{i}"><stdDeviation>{0 if i == silent else 120}</stdDeviation></bandID>'
        for i in range(1, len(ENMAP_UM) + 1)
    )
    (folder / f"{ENMAP}-METADATA.XML").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><level_X><base><level>L2A</level><temporalCoverage>'
        "<startTime>2022-07-12T09:00:01.5Z</startTime><stopTime>2022-07-12T09:00:05.9Z</stopTime>"
        "</temporalCoverage></base><specific>"
        "<sunElevationAngle><center>55.5</center></sunElevationAngle>"
        "<sunAzimuthAngle><center>150.5</center></sunAzimuthAngle>"
        f"<bandCharacterisation>{bands}</bandCharacterisation>"
        f"<vnirProductQuality><expectedChannelsList>{','.join(map(str, first))}"
        "</expectedChannelsList></vnirProductQuality>"
        f"<swirProductQuality><expectedChannelsList>{','.join(map(str, second))}"
        "</expectedChannelsList></swirProductQuality></specific>"
        f"<product><bandStatistics>{statistics}</bandStatistics></product></level_X>"
    )
    stored = np.round(cube_of(ENMAP_UM, rows, cols) * 10_000).astype("i2").transpose(2, 0, 1)
    stored[:, 0, 0] = -32768
    stored[silent - 1] = -32768
    how = {
        "driver": "GTiff", "width": cols, "height": rows, "crs": "EPSG:32633",
        "transform": Affine(30, 0, 360000, 0, -30, 5800000),
    }  # fmt: skip
    name = folder / f"{ENMAP}-SPECTRAL_IMAGE.TIF"
    with rasterio.open(name, "w", count=len(stored), dtype="int16", nodata=-32768, **how) as sink:
        sink.write(stored)
    layers = {"CLOUD": (2, 1), "CIRRUS": (3, 1), "CLOUDSHADOW": (4, 1), "SNOW": (5, 1)}
    layers |= {"CLASSES": (6, 2)}
    for layer, (row, value) in layers.items():
        plane = np.full((rows, cols), 1 if layer == "CLASSES" else 0, "u1")
        plane[row] = value
        if layer == "CIRRUS":
            plane[row, 8:] = 3
        with rasterio.open(
            folder / f"{ENMAP}-QL_QUALITY_{layer}.TIF", "w", count=1, dtype="uint8", **how
        ) as sink:
            sink.write(plane, 1)
    return folder, stored
