"""A small Sentinel-2 product in ESA's SAFE layout, for tests: real tags, real JPEG 2000."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

CRS = "EPSG:32633"
CORNER = (399960.0, 4200000.0)
TILE = "T33SVB_20230810T095549"
GRANULE = {
    "L2A": "L2A_T33SVB_A033567_20230810T095651",
    "L1C": "L1C_T33SVB_A033567_20230810T095651",
}
NATIVE = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10,
          "B8A": 20, "B09": 60, "B10": 60, "B11": 20, "B12": 20}  # fmt: skip
BANDS = tuple(NATIVE)


def name(level="L2A", baseline="05.09"):
    return (
        f"S2B_MSI{level}_20230810T095549_N{baseline.replace('.', '')}_R122_T33SVB_20230810T125035"
    )


def write_jp2(path: Path, data, pixel):
    data = np.asarray(data)
    data = data[None] if data.ndim == 2 else data
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine(pixel, 0, CORNER[0], 0, -pixel, CORNER[1])
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", width=data.shape[2], height=data.shape[1],
        count=len(data), dtype=data.dtype, crs=CRS, transform=transform,
        QUALITY="100", REVERSIBLE="YES",
    ) as dataset:  # fmt: skip
        dataset.write(data)


def image(level, band, size):
    folder = f"GRANULE/{GRANULE[level]}/IMG_DATA"
    return (
        f"{folder}/R{size}m/{TILE}_{band}_{size}m" if level == "L2A" else f"{folder}/{TILE}_{band}"
    )


def metadata(level, baseline, images, *, offsets=None, quantification="10000"):
    """The tags that matter of ``MTD_MSIL2A.xml`` and ``MTD_MSIL1C.xml``, in their places."""
    if offsets is None:
        offsets = dict.fromkeys(range(13), -1000) if float(baseline) >= 4 else {}
    number = level[1:]
    if level == "L2A":
        quant = (
            "<QUANTIFICATION_VALUES_LIST>"
            f'<BOA_QUANTIFICATION_VALUE unit="none">{quantification}</BOA_QUANTIFICATION_VALUE>'
            '<AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>'
            '<WVP_QUANTIFICATION_VALUE unit="cm">1000.0</WVP_QUANTIFICATION_VALUE>'
            "</QUANTIFICATION_VALUES_LIST>"
        )
        listed, tag = "BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET"
    else:
        quant = f'<QUANTIFICATION_VALUE unit="none">{quantification}</QUANTIFICATION_VALUE>'
        listed, tag = "Radiometric_Offset_List", "RADIO_ADD_OFFSET"
    added = "".join(f'<{tag} band_id="{i}">{v}</{tag}>' for i, v in offsets.items())
    spectral = "".join(
        f'<Spectral_Information bandId="{i}" physicalBand="{b.replace("B0", "B")}"/>'
        for i, b in enumerate(BANDS)
    )
    files = "".join(f"<IMAGE_FILE>{i}</IMAGE_FILE>" for i in images)
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>'
        f'<n1:Level-{number}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/'
        f'User_Product_Level-{number}.xsd"><n1:General_Info><Product_Info>'
        "<PRODUCT_START_TIME>2023-03-16T10:10:31.024Z</PRODUCT_START_TIME>"
        "<PRODUCT_STOP_TIME>2023-03-16T10:10:31.024Z</PRODUCT_STOP_TIME>"
        f"<PRODUCT_URI>{name(level, baseline)}.SAFE</PRODUCT_URI>"
        f"<PROCESSING_LEVEL>Level-{number}</PROCESSING_LEVEL>"
        f"<PRODUCT_TYPE>S2MSI{number}</PRODUCT_TYPE>"
        f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>"
        f'<Product_Organisation><Granule_List><Granule granuleIdentifier="{GRANULE[level]}" '
        f'imageFormat="JPEG2000">{files}</Granule></Granule_List></Product_Organisation>'
        "</Product_Info><Product_Image_Characteristics>"
        "<Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>"
        "<SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX></Special_Values>"
        "<Special_Values><SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>"
        "<SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX></Special_Values>"
        f"{quant}{f'<{listed}>{added}</{listed}>' if added else ''}"
        f"<Spectral_Information_List>{spectral}</Spectral_Information_List>"
        f"</Product_Image_Characteristics></n1:General_Info></n1:Level-{number}_User_Product>"
    )


def write_clouds(root: Path, level, polygons, crs="urn:ogc:def:crs:EPSG:8.7:32633"):
    """Write MSK_CLOUDS_B00.gml: polygons are (kind, rings), rings "x y x y ..."."""
    features = "".join(
        f'<eop:MaskFeature gml:id="{kind}.{i}"><eop:maskType codeSpace="urn:gs2:S2PDGS:maskType">'
        f"{kind}</eop:maskType><eop:extentOf><gml:Polygon>"
        + "".join(
            f'<gml:{side}><gml:LinearRing><gml:posList srsDimension="2">{ring}</gml:posList>'
            f"</gml:LinearRing></gml:{side}>"
            for side, ring in zip(("exterior", *["interior"] * 9), rings, strict=False)
        )
        + "</gml:Polygon></eop:extentOf></eop:MaskFeature>"
        for i, (kind, rings) in enumerate(polygons)
    )
    path = root / "GRANULE" / GRANULE[level] / "QI_DATA" / "MSK_CLOUDS_B00.gml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0"'
        ' xmlns:gml="http://www.opengis.net/gml/3.2"><gml:boundedBy><gml:Envelope '
        f'srsName="{crs}"></gml:Envelope></gml:boundedBy><eop:maskMembers>{features}'
        "</eop:maskMembers></eop:Mask>"
    )
    return path


def product(folder: Path, level="L2A", baseline="05.09", *, coarse=(12, 10), scl=None, seed=0,
            classi=None, stored=None, **more):  # fmt: skip
    """Write a product whose 60 m grid has the shape ``coarse``; returns its ``.SAFE`` folder.

    Numbers are those of three stripes of ground with noise; ``stored`` replaces those of bands.
    """
    root = folder / f"{name(level, baseline)}.SAFE"
    rng = np.random.default_rng(seed)
    images = []
    for place, (band, size) in enumerate(NATIVE.items()):
        if level == "L2A" and band == "B10":
            continue
        shape = tuple(n * 60 // size for n in coarse)
        stripes = np.repeat(np.arange(shape[1])[None] * 3 // shape[1], shape[0], axis=0)
        ground = 2000 + 900 * ((stripes * (place % 4 + 2) + place) % 5)
        numbers = (ground + rng.integers(0, 120, shape)).astype("u2")
        numbers = (stored or {}).get(band, numbers)
        images.append(image(level, band, size))
        write_jp2(root / f"{images[-1]}.jp2", numbers, size)
    if level == "L2A":
        shape = tuple(n * 3 for n in coarse)
        classes = np.full(shape, 5, "u1") if scl is None else np.asarray(scl, "u1")
        images.append(image(level, "SCL", 20))
        write_jp2(root / f"{images[-1]}.jp2", classes, 20)
    elif classi is not None:
        write_jp2(root / "GRANULE" / GRANULE[level] / "QI_DATA" / "MSK_CLASSI_B00.jp2", classi, 60)
    text = metadata(level, baseline, images, **more)
    (root / f"MTD_MSI{level}.xml").write_text(text, "utf-8")
    return root
