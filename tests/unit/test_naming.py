import pytest

from outcrop.errors import SceneError
from outcrop.sensors import SENSORS, get_sensor
from outcrop.sensors.naming import FileBand, name_bands

SILENT = FileBand()


def names(pairs):
    return [(i, b.name) for i, b in pairs]


def test_labels_name_the_bands_of_a_silent_file_in_order():
    got = name_bands("f", [SILENT] * 2, get_sensor("landsat8"), ["B7", "swir16"])
    assert names(got) == [(0, "B7"), (1, "B6")]


def test_labels_choose_among_the_bands_that_a_file_names():
    file = [FileBand("B02"), FileBand("B03"), FileBand("B8A")]
    got = name_bands("f", file, get_sensor("sentinel2"), ["b8a", "B2"])
    assert names(got) == [(2, "B8A"), (0, "B02")]


def test_wavelengths_name_and_choose():
    by_order = name_bands("f", [SILENT] * 2, None, ["0.56", "2.2"])
    assert [b.wavelength_um for _, b in by_order] == [0.56, 2.2]
    file = [FileBand(wavelength_um=w) for w in (0.48, 1.65, 2.2)]
    assert names(name_bands("f", file, None, ["1.66"])) == [(1, "1.65 um")]


def test_wavelengths_of_a_file_find_the_sensors_bands():
    file = [FileBand("TM Band 7", 2.215), FileBand("TM Band 1", 0.485)]
    got = name_bands("f", file, get_sensor("landsat5"), None)
    assert names(got) == [(0, "B7"), (1, "B1")]


@pytest.mark.parametrize("sensor", list(SENSORS))
def test_usual_stacks_are_recognised_and_cut_to_the_default(sensor):
    record = get_sensor(sensor)
    assert len({len(s) for s in record.stacks}) == len(record.stacks), "no two of one length"
    for stack in record.stacks:
        got = name_bands("f", [SILENT] * len(stack), record, None)
        assert [b.name for _, b in got] == list(record.default)


@pytest.mark.parametrize(
    ("file", "sensor", "labels", "says"),
    [
        ([SILENT] * 5, "landsat8", None, "5 bands and does not name them"),
        ([SILENT] * 3, "landsat8", ["B2", "B3"], "must name all 3"),
        ([SILENT] * 2, "landsat8", ["B2", "B02"], "more than once"),
        ([SILENT] * 2, None, ["B2", "B3"], "without a sensor"),
        ([SILENT] * 2, "landsat8", ["B2", "B77"], "unknown band 'B77'"),
        ([SILENT] * 2, None, ["0.5", "560"], "micrometres"),
        ([FileBand("B2"), FileBand("B3")], "landsat8", ["B4"], "unknown band 'B4'"),
        ([FileBand("a", 0.5), FileBand("b", 0.6)], None, ["0.7"], "nearest is b"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(file, sensor, labels, says):
    with pytest.raises(SceneError, match=says):
        name_bands("f", file, get_sensor(sensor) if sensor else None, labels)


def test_bands_the_sensor_does_not_know_are_left_out_and_shift_nothing():
    file = [FileBand(f"SR_B{i}") for i in range(2, 8)] + [FileBand("QA_PIXEL")]
    got = name_bands("f", file, get_sensor("landsat8"), None)
    assert names(got) == [(i, f"B{i + 2}") for i in range(6)]
    chosen = name_bands("f", file, get_sensor("landsat8"), ["B4", "swir22"])
    assert names(chosen) == [(2, "B4"), (5, "B7")]


def test_a_choice_names_each_band_once():
    file = [FileBand("B2"), FileBand("B3")]
    with pytest.raises(SceneError, match="more than once"):
        name_bands("f", file, get_sensor("landsat8"), ["B2", "blue"])


@pytest.mark.parametrize(
    "described",
    [
        ("B2 - Blue", "B8A: narrow", "B12 (SWIR2)"),
        ("T33SVB_B02_10m", "T33SVB_B8A_20m", "T33SVB_B12_20m"),
        ("b02_sur", "b8a_sur", "b12_sur"),
    ],
)
def test_a_description_may_say_more_than_the_band(described):
    got = name_bands("f", [FileBand(d) for d in described], get_sensor("sentinel2"), None)
    assert names(got) == [(0, "B02"), (1, "B8A"), (2, "B12")]


@pytest.mark.parametrize("described", ["Band 2", "B4/B2", "B2_B4", "AB2C", "B77"])
def test_a_description_that_says_no_one_band_is_not_guessed(described):
    with pytest.raises(SceneError, match="does not name them"):
        name_bands("f", [FileBand(described)] * 2, get_sensor("landsat8"), None)


def test_plain_names_win_over_longer_ones():
    file = [FileBand("B2"), FileBand("B2_std"), FileBand("B3")]
    assert names(name_bands("f", file, get_sensor("landsat8"), None)) == [(0, "B2"), (2, "B3")]


def test_wavelengths_of_a_file_give_common_names_each_once():
    um = (0.44, 0.48, 0.56, 0.58, 0.66, 0.83, 0.86, 1.61, 2.17, 2.21, 11.0)
    bands = [b for _, b in name_bands("f", [FileBand(wavelength_um=x) for x in um], None, None)]
    named = {b.common_name: b.wavelength_um for b in bands if b.common_name}
    assert named == {
        "blue": 0.48, "green": 0.56, "red": 0.66, "nir": 0.86, "swir16": 1.61, "swir22": 2.21
    }  # fmt: skip
    chosen = name_bands("f", [FileBand(wavelength_um=x) for x in um], None, ("swir2", "nir08"))
    assert [i for i, _ in chosen] == [9, 6]


def test_what_people_call_bands_is_understood():
    oli = get_sensor("landsat8")
    assert [oli.band(n).name for n in ("nir", "swir1", "SWIR2")] == ["B5", "B6", "B7"]
    msi = get_sensor("sentinel2")
    assert [msi.band(n).name for n in ("nir", "nir08")] == ["B08", "B8A"]


def test_common_names_name_bands_without_a_sensor_and_give_no_wavelength():
    bands = [b for _, b in name_bands("f", [SILENT] * 3, None, ("red", "Green", "nir"))]
    assert [(b.name, b.common_name, b.wavelength_um) for b in bands] == [
        ("red", "red", None), ("green", "green", None), ("nir", "nir", None)
    ]  # fmt: skip


@pytest.mark.parametrize("sensor", [None, "landsat8"])
def test_a_whole_number_is_not_guessed_to_be_a_wavelength(sensor):
    with pytest.raises(SceneError, match=r"4 may be a band or a wavelength: write B4 .* or 4\.0"):
        name_bands("f", [SILENT] * 3, sensor and get_sensor(sensor), ("4", "3", "2"))


def test_labels_choose_among_the_bands_of_a_usual_file():
    pairs = name_bands("f", [SILENT] * 7, get_sensor("landsat8"), ("nir", "B4", "0.56"))
    assert names(pairs) == [(4, "B5"), (3, "B4"), (2, "B3")]
