"""Snow and water that no mask leaves out are told."""

import numpy as np
import pytest

import landsat
import safe
from landsat import CLOUD, SNOW, WATER
from outcrop.config import Input, load_recipe
from outcrop.cover import cover_notes, cover_shares
from outcrop.opening import open_source, open_sources
from outcrop.pipeline.scenes import scene_notes
from outcrop.quality import Masks


def quality(shape=(40, 50)):
    """10 of 40 rows cloud, 15 snow, 3 water."""
    qa = np.full(shape, landsat.CLEAR, "u2")
    qa[:10], qa[10:25], qa[25:28] = CLOUD, SNOW, WATER
    return qa


def test_shares_are_of_what_is_mapped(tmp_path):
    folder = str(landsat.product(tmp_path, qa=quality()))
    assert cover_shares(open_source(folder)) == {"snow": 0.5, "water": 0.1}
    whole = open_source(folder, masks=Masks(("saturated",)))  # clouds are mapped
    assert cover_shares(whole) == {"snow": 0.375, "water": 0.075}


def test_what_is_masked_is_not_told_and_no_pixel_is_changed(tmp_path):
    folder = str(landsat.product(tmp_path, qa=quality()))
    source = open_source(folder, masks=Masks(("cloud", "snow")))
    assert cover_shares(source) == {"water": pytest.approx(0.2)}
    assert cover_shares(open_source(folder, masks=Masks(("cloud", "snow", "water")))) == {}


def test_the_note_says_how_to_leave_it_out(tmp_path):
    notes = scene_notes(open_source(str(landsat.product(tmp_path, qa=quality()))))
    assert (
        "of the pixels to map the product calls 50% snow and 10% water, which become units as "
        "rocks do; they are left out by --mask saturated,cloud,shadow,cast-shadow,no-height,"
        "snow,water"
    ) in notes


def test_a_few_pixels_are_not_worth_a_note(tmp_path):
    qa = np.full((40, 50), landsat.CLEAR, "u2")
    qa[0] = WATER
    source = open_source(str(landsat.product(tmp_path, qa=qa)))
    assert cover_shares(source) == {"water": 0.025}
    assert cover_notes(source) == []


def test_classes_of_sentinel_2_on_another_grid(tmp_path):
    scl = np.full((36, 30), 5, "u1")
    scl[:18] = 11
    folder = str(safe.product(tmp_path, scl=scl))
    assert cover_shares(open_source(folder)) == {"snow": 0.5}
    assert cover_shares(open_source(folder, masks=Masks(("snow",)))) == {}


def test_a_mosaic_is_looked_at_as_it_is_mapped(tmp_path):
    """Snow counts where no scene sees the ground."""
    snow = np.full((40, 50), SNOW, "u2")
    first = landsat.product(tmp_path / "a", qa=snow)
    second = landsat.product(tmp_path / "b", qa=quality(), seed=1)
    paths = [str(first), str(second)]
    mosaic = open_sources(paths, Input(), Masks(load_recipe().preprocess.mask))
    assert 0 < cover_shares(mosaic)["snow"] < 1


@pytest.mark.real_data
def test_a_plain_raster_tells_nothing(data):
    assert cover_shares(open_source(str(data / "playa" / "Playa_Image.tif"))) == {}


@pytest.mark.real_data
def test_ice_of_greenland(data):
    scene = data / "landsat_c2l2" / "LC08_L2SP_005009_20150710_20200908_02_T2"
    assert cover_notes(open_source(str(scene))) == [
        "of the pixels to map the product calls 100% snow, which become units as rocks do; "
        "hardly any ground is left"
    ]
