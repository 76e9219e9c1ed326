"""A small Landsat 8 product in the real layout, for tests."""

import json
from pathlib import Path

import numpy as np

from rasters import write

ID = "LC08_L2SP_090083_20210115_20210308_02_T1"
CLEAR, CLOUD, HAZE, SHADOW, SNOW, WATER, RIM, FILL = (
    21824, 22280, 22080, 23888, 30048, 21952, 21826, 1,
)  # fmt: skip


def groups(level="L2SP", craft="LANDSAT_8", sensor="OLI_TIRS"):
    names = {f"FILE_NAME_BAND_{i}": f"{ID}_SR_B{i}.TIF" for i in range(1, 8)}
    return {
        "PRODUCT_CONTENTS": {
            "LANDSAT_PRODUCT_ID": ID,
            "PROCESSING_LEVEL": level,
            "COLLECTION_NUMBER": "02",
            **names,
            "FILE_NAME_BAND_ST_B10": f"{ID}_ST_B10.TIF",
            "FILE_NAME_QUALITY_L1_PIXEL": f"{ID}_QA_PIXEL.TIF",
            "FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION": f"{ID}_QA_RADSAT.TIF",
        },
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": craft,
            "SENSOR_ID": sensor,
            "SUN_AZIMUTH": "45.5",
            "SUN_ELEVATION": "30.0",
        },
        "PROJECTION_ATTRIBUTES": {"GRID_CELL_SIZE_REFLECTIVE": "30.00"},
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": {
            **{f"REFLECTANCE_MULT_BAND_{i}": "2.75e-05" for i in range(1, 8)},
            **{f"REFLECTANCE_ADD_BAND_{i}": "-0.2" for i in range(1, 8)},
        },
        "LEVEL1_RADIOMETRIC_RESCALING": {
            **{f"REFLECTANCE_MULT_BAND_{i}": "2.0E-05" for i in range(1, 8)},
            **{f"REFLECTANCE_ADD_BAND_{i}": "-0.1" for i in range(1, 8)},
        },
    }


def mtl_text(content):
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, items in content.items():
        lines.append(f"  GROUP = {group}")
        lines += [f'    {k} = "{v}"' if "NAME" in k or "ID" in k else f"    {k} = {v}"
                  for k, v in items.items()]  # fmt: skip
        lines.append(f"  END_GROUP = {group}")
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])


def mtl_xml(content):
    inner = "".join(
        f"<{g}>" + "".join(f"<{k}>{v}</{k}>" for k, v in items.items()) + f"</{g}>"
        for g, items in content.items()
    )
    return f'<?xml version="1.0"?><LANDSAT_METADATA_FILE>{inner}</LANDSAT_METADATA_FILE>'


def mtl_json(content):
    return json.dumps({"LANDSAT_METADATA_FILE": content})


def product(folder: Path, shape=(40, 50), *, qa=CLEAR, radsat=0, form="txt", content=None, seed=0):
    """Write a product of three stripes of ground and return its folder."""
    folder = folder / ID
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    stripes = np.repeat(np.arange(shape[1])[None] * 3 // shape[1], shape[0], axis=0)
    for i in range(1, 8):
        base = 9000 + 4000 * ((stripes * 7 + i * stripes * 3) % 5)
        stored = base + rng.integers(0, 300, shape)
        write(folder / f"{ID}_SR_B{i}.TIF", stored.astype("u2"), nodata=0)
    write(folder / f"{ID}_ST_B10.TIF", np.full(shape, 44000, "u2"), nodata=0)
    write(folder / f"{ID}_QA_PIXEL.TIF", np.broadcast_to(np.asarray(qa, "u2"), shape))
    write(folder / f"{ID}_QA_RADSAT.TIF", np.broadcast_to(np.asarray(radsat, "u2"), shape))
    text = {"txt": mtl_text, "xml": mtl_xml, "json": mtl_json}[form](content or groups())
    (folder / f"{ID}_MTL.{form}").write_text(text)
    return folder
