"""Where the sun stood, as the products' metadata says."""

import pytest

import landsat
import safe
from outcrop.describing import describe
from outcrop.opening import open_source
from outcrop.sensors.base import Sun
from outcrop.source import suns_of


@pytest.mark.parametrize(("azimuth", "elevation"), [
    (None, 40.0), (120.0, None), (120.0, 0.0), (120.0, -5.0), (120.0, 95.0), (400.0, 40.0),
    (float("nan"), 40.0),
])  # fmt: skip
def test_angles_that_are_missing_or_of_the_night_are_no_sun(azimuth, elevation):
    assert Sun.of(azimuth, elevation) is None


def test_azimuths_west_of_north_are_counted_round():
    assert Sun.of(-30.0, 40.0) == Sun(330.0, 40.0)


@pytest.mark.parametrize("form", ["txt", "xml", "json"])
def test_landsat_has_the_sun_in_its_mtl(tmp_path, form):
    source = open_source(str(landsat.product(tmp_path, form=form)))
    assert suns_of(source) == (Sun(45.5, 30.0),)
    assert "azimuth 45.5, elevation 30.0" in str(describe(source))


def test_safe_has_the_sun_in_the_metadata_of_its_tile(tmp_path):
    root = safe.product(tmp_path)
    assert suns_of(open_source(str(root))) == ()
    tile = root / "GRANULE" / safe.GRANULE["L2A"] / "MTD_TL.xml"
    tile.write_text(
        '<n1:Level-2A_Tile_ID xmlns:n1="x"><n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle>'
        '<ZENITH_ANGLE unit="deg">62.5</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">163.5'
        "</AZIMUTH_ANGLE></Mean_Sun_Angle></Tile_Angles></n1:Geometric_Info></n1:Level-2A_Tile_ID>"
    )
    source = open_source(str(root))
    assert suns_of(source) == (Sun(163.5, 27.5),)
    assert "Sen2Cor" in source.relief


@pytest.mark.real_data
def test_the_sun_of_a_real_tile(data, tmp_path):
    real = next((data / "sentinel2_safe_metadata").glob("*/MTD_MSIL2A.xml"))
    root = safe.product(tmp_path)
    (root / "GRANULE" / safe.GRANULE["L2A"] / "MTD_TL.xml").write_bytes(real.read_bytes())
    (sun,) = suns_of(open_source(str(root)))
    assert sun.azimuth == pytest.approx(163.4678, abs=1e-3)
    assert sun.elevation == pytest.approx(90 - 62.4964, abs=1e-3)


@pytest.mark.real_data
def test_the_sun_of_real_landsat_and_earth_search_products(data):
    folder = next((data / "landsat_c2l2").glob("LC08_L2SP_005009*"))
    (sun,) = suns_of(open_source(str(folder)))
    assert (sun.azimuth, sun.elevation) == pytest.approx((177.8846007, 40.0015903))
    (sun,) = suns_of(open_source(str(data / "sentinel2_earthsearch" / "S2B_33TWM_20230810_0_L2A")))
    assert 90 < sun.azimuth < 180
    assert 30 < sun.elevation < 70
