"""Spectra: the features are where they are said to be, and bands see them so."""

from __future__ import annotations

import numpy as np
import pytest

from outcrop.errors import InputError
from outcrop.sensors import SENSORS, Band, get_sensor
from outcrop.simulate.spectra import (
    ABSORBERS,
    DRY,
    DUST,
    GREEN,
    GRID_UM,
    LITHOLOGIES,
    Lithology,
    band_reflectance,
    band_response,
    find_lithologies,
    group_sensitivity,
    log_spectrum,
)


def seen(rock: Lithology, sensor: str) -> dict[str, float]:
    bands = get_sensor(sensor).default_bands
    values = band_reflectance([rock], bands)[0]
    return {band.name: float(v) for band, v in zip(bands, values, strict=True)}


@pytest.mark.parametrize("sensor", list(SENSORS))
def test_a_flat_spectrum_is_the_same_in_all_bands(sensor: str) -> None:
    values = band_reflectance([Lithology("grey", 0.3, 0.0, 0.5)], get_sensor(sensor).default_bands)
    np.testing.assert_allclose(values, 0.3, rtol=1e-6)


def test_a_band_centred_on_a_line_sees_its_centre() -> None:
    response = band_response([Band("x", 2.2, 0.04)])
    assert float(response[0] @ GRID_UM) == pytest.approx(2.2, abs=1e-4)


@pytest.mark.parametrize("name", ["limestone", "dolomite", "calcrete"])
def test_carbonate_absorbs_in_aster_b08(name: str) -> None:
    values = seen(LITHOLOGIES[name], "aster")
    assert values["B08"] < 0.95 * values["B07"]
    assert values["B08"] < values["B06"]


@pytest.mark.parametrize("name", ["kaolinised granite", "mica schist"])
def test_clay_and_mica_absorb_in_aster_b06(name: str) -> None:
    values = seen(LITHOLOGIES[name], "aster")
    assert values["B06"] < 0.95 * values["B07"]
    assert values["B06"] < values["B04"]


def test_iron_oxide_makes_rock_red() -> None:
    def redness(rock: Lithology) -> float:
        values = seen(rock, "landsat8")
        return values["B2"] / values["B4"]

    rock = LITHOLOGIES["red sandstone"]
    assert redness(rock) < 0.6 * redness(Lithology("bare", rock.level, rock.slope, 0.5))


@pytest.mark.parametrize(("mineral", "near"), [("hematite", 0.865), ("goethite", 0.92)])
def test_ferric_minerals_have_their_near_infrared_minimum(mineral: str, near: float) -> None:
    spectrum = log_spectrum(Lithology("x", 0.4, 0.0, 0.5, {mineral: 0.8}))
    window = (GRID_UM > 0.78) & (GRID_UM < 1.1)
    assert GRID_UM[window][spectrum[window].argmin()] == pytest.approx(near, abs=0.01)


def test_dark_rock_is_dark_and_nearly_featureless() -> None:
    values = np.array(list(seen(LITHOLOGIES["black shale"], "landsat8").values()))
    assert values.max() < 0.2
    assert values.max() / values.min() < 1.5


def test_green_plants_and_dry_grass() -> None:
    green, dry = seen(GREEN, "landsat8"), seen(DRY, "landsat8")

    def ndvi(values: dict[str, float]) -> float:
        return (values["B5"] - values["B4"]) / (values["B5"] + values["B4"])

    assert ndvi(green) > 0.6
    assert green["B3"] > green["B4"]
    assert green["B5"] > green["B6"] > green["B7"]
    assert 0.0 < ndvi(dry) < 0.3
    assert dry["B7"] < dry["B6"]


def test_every_lithology_is_physical_and_no_two_are_the_same() -> None:
    bands = get_sensor("aster").default_bands
    rocks = [*LITHOLOGIES.values(), DUST, GREEN, DRY]
    values = band_reflectance(rocks, bands)
    assert (values > 0).all()
    assert (values < 0.9).all()
    apart = np.abs(np.log(values[:, None] / values[None])).max(axis=-1) + np.eye(len(rocks))
    assert apart.min() > 0.03
    assert len(LITHOLOGIES) >= 15
    assert {m for r in rocks for m in r.depths} <= set(ABSORBERS)


def test_more_of_a_mineral_darkens_its_bands_only() -> None:
    bands = get_sensor("aster").default_bands
    change = group_sensitivity([LITHOLOGIES["limestone"]], bands)[0]
    carbonate = change[:, 3]
    assert carbonate.argmin() == [b.name for b in bands].index("B08")
    np.testing.assert_allclose(carbonate[:3], 0.0, atol=1e-6)
    np.testing.assert_allclose(change[:, 1], 0.0, atol=1e-6)  # it holds no mafic minerals


def test_what_cannot_be_used_is_named() -> None:
    with pytest.raises(InputError, match="did you mean 'limestone'"):
        find_lithologies(["limestome"])
    with pytest.raises(InputError, match=r"'B10'.*leave it out"):
        band_response([get_sensor("aster").band("B10")])
    with pytest.raises(InputError, match="no wavelength"):
        band_response([Band("x")])
