"""The metadata language of HDF-EOS."""

import pytest

import aster
from outcrop.errors import SceneError
from outcrop.sensors.odl import parse_odl


def test_objects_and_their_values():
    odl = parse_odl(aster.core() + aster.generic(), "x")
    assert odl.get("shortname") == "AST_L1T"
    assert odl.get("CALENDARDATE") == "20000503"
    assert odl.numbers("SOLARDIRECTION", 2) == aster.SUN
    assert odl.numbers("UTMZONENUMBER", 1) == (48,)
    assert odl.all("GAIN")[:3] == (("01", "HGH"), ("02", "HGH"), ("3N", "NOR"))
    assert odl.get("NOTHERE") is None
    assert odl.numbers("NOTHERE", 2) is None


def test_values_over_several_lines_and_brackets_in_quotes():
    text = 'OBJECT = A\n  VALUE = ("a, (b)",\n    "c")\nEND_OBJECT = A\nOBJECT = B\nVALUE = 1.5\n'
    odl = parse_odl(text, "x")
    assert odl.all("A") == (("a, (b)", "c"),)
    assert odl.numbers("B", 1) == (1.5,)


@pytest.mark.parametrize("value", ['"many"', "(1.0, 2.0, 3.0)", "nan", '""', "()"])
def test_what_is_no_number_is_named(value):
    with pytest.raises(SceneError, match=r"SUN = .*expected"):
        parse_odl(f"OBJECT = SUN\nVALUE = {value}\n", "file.hdf").numbers("SUN", 2)


@pytest.mark.parametrize("text", ["", "VALUE = 3", "OBJECT = A", "OBJECT = A\nVALUE = (((", "\0\1"])
def test_damaged_text_holds_nothing(text):
    assert parse_odl(text, "x").get("A") is None
