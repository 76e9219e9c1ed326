import numpy as np
import pytest

from outcrop.errors import InputError, SceneError
from outcrop.sensors import Band, get_sensor
from outcrop.spectra import (
    Response,
    SpectralLibrary,
    gaussian,
    read_library,
    resample,
    resampled,
)


def write_library(folder, values, header="", name="lib.sli", kind=("f4", 4), order="<"):
    values = np.asarray(values)
    path = folder / name
    values.astype(order + kind[0]).tofile(path)
    (folder / "lib.hdr").write_text(
        f"ENVI\nsamples = {values.shape[1]}\nlines = {values.shape[0]}\nbands = 1\n"
        f"header offset = 0\nfile type = ENVI Spectral Library\ndata type = {kind[1]}\n"
        f"interleave = bsq\nbyte order = {int(order == '>')}\n{header}"
    )
    return path


NM = "wavelength units = Nanometers\nwavelength = {500, 600,\n 700}\n"


def test_an_envi_library_is_read_whole(tmp_path):
    path = write_library(
        tmp_path,
        [[0.1, 0.2, 0.3], [0.4, -1.23e34, 0.6]],
        NM + "fwhm = {10, 20, 30}\nspectra names = {a schist,\n b}\n",
        order=">",
    )
    for given in (path, tmp_path / "lib.hdr"):
        library = read_library(given)
        assert library.names == ("a schist", "b")
        assert library.wavelengths_um.tolist() == [0.5, 0.6, 0.7]
        assert library.fwhm_um is not None
        assert library.fwhm_um.tolist() == [0.01, 0.02, 0.03]
        assert np.allclose(library.reflectance[0], (0.1, 0.2, 0.3))
        assert np.isnan(library.reflectance[1, 1])


@pytest.mark.parametrize(
    ("header", "um"),
    [
        ("wavelength units = Micrometers\nwavelength = {0.5, 0.6, 0.7}\n", [0.5, 0.6, 0.7]),
        ("wavelength = {500, 600, 700}\n", [0.5, 0.6, 0.7]),
        ("wavelength units = Unknown\nwavelength = {0.7, 0.6, 0.5}\n", [0.5, 0.6, 0.7]),
        ("wavelength units = Wavenumber\nwavelength = {20000, 12500, 5000}\n", [0.5, 0.8, 2.0]),
    ],
)
def test_every_unit_of_wavelength_ends_in_rising_micrometres(tmp_path, header, um):
    library = read_library(write_library(tmp_path, [[1, 2, 3]], header, kind=("u2", 12)))
    assert np.allclose(library.wavelengths_um, um)


def test_percent_and_scaled_numbers_become_reflectance(tmp_path):
    percent = read_library(write_library(tmp_path, [[10.0, 20, 30]], NM))
    assert np.allclose(percent.reflectance, [[0.1, 0.2, 0.3]])
    told = read_library(
        write_library(tmp_path, [[1000.0, 2000, 3000]], NM + "reflectance scale factor = 10000\n")
    )
    assert np.allclose(told.reflectance, [[0.1, 0.2, 0.3]])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "no 'wavelength'"),
        ("wavelength = {1, 2}\n", "lists 2 numbers for 3"),
        ("wavelength = {1, 2, x}\n", "no number"),
        ("wavelength = {5000, 6000, 70000}\n", "mean nothing"),
        ("wavelength = {500, 600, 700}\ndata type = 6\n", "6"),
    ],
)
def test_a_bad_header_is_named(tmp_path, header, said):
    path = write_library(tmp_path, [[1.0, 2, 3]], header)
    with pytest.raises(SceneError, match=said):
        read_library(path)


def test_what_is_no_library_is_refused(tmp_path):
    path = write_library(tmp_path, [[1.0, 2, 3]], NM)
    path.write_bytes(path.read_bytes()[:8])
    with pytest.raises(SceneError, match="truncated"):
        read_library(path)
    text = (tmp_path / "lib.hdr").read_text().replace("Spectral Library", "Standard")
    (tmp_path / "lib.hdr").write_text(text)
    with pytest.raises(SceneError, match="a cube is a scene"):
        read_library(path)
    (tmp_path / "x.png").write_bytes(b"png")
    for name, said in (("x.png", "header"), ("none.sli", "does not exist"), (".", "no .spectrum")):
        with pytest.raises(SceneError, match=said):
            read_library(tmp_path / name)


ECOSTRESS = """Name: Calcite
Type: mineral
First Column: Wavelength
X Units: Wavelength (micrometers)
Y Units: Reflectance (percent)

 14.0  5.0
 2.5\t80.0
 0.5\t60.0
"""


def test_ecostress_text_is_read_alone_and_as_a_folder(tmp_path):
    (tmp_path / "a.spectrum.txt").write_text(ECOSTRESS)
    (tmp_path / "b.spectrum.txt").write_text(
        ECOSTRESS.replace("Calcite", "Gypsum").replace(" 2.5\t80.0", " 1.5\t40.0")
    )
    alone = read_library(tmp_path / "a.spectrum.txt")
    assert alone.names == ("Calcite",)
    assert alone.wavelengths_um.tolist() == [0.5, 2.5]
    assert np.allclose(alone.reflectance, [[0.6, 0.8]])
    both = read_library(tmp_path)
    assert both.names == ("Calcite", "Gypsum")
    assert np.isnan(both.reflectance[1, 1])  # beyond what was measured of it
    (tmp_path / "a.spectrum.txt").write_text("Name: x\n")
    with pytest.raises(SceneError, match="no ECOSTRESS spectrum"):
        read_library(tmp_path / "a.spectrum.txt")


def library_of(um, values, fwhm=None):
    return SpectralLibrary(("s",), np.asarray(um, float), fwhm, np.asarray([values], float))


def test_a_line_is_seen_at_the_centre_of_a_symmetric_band():
    um = np.linspace(0.4, 2.5, 211)
    library = library_of(um, 0.1 + 0.2 * um)
    bands = get_sensor("sentinel2").default_bands
    seen = resample(library, bands)[0]
    assert np.allclose(seen, [0.1 + 0.2 * (b.wavelength_um or 0) for b in bands], atol=1e-4)


def test_a_gaussian_line_gets_as_wide_as_theory_says():
    um = np.linspace(0.4, 1.6, 2401)
    own, band = 0.02, 0.03

    def dip(width, depth):
        return 1 - depth * np.exp(-4 * np.log(2) * ((um - 1.0) / width) ** 2)

    library = library_of(um, dip(own, 0.5))
    centres = [0.98, 1.0, 1.01]
    seen = resample(library, [Band("b", c, band) for c in centres])[0]
    wide = np.hypot(own, band)
    expected = np.interp(centres, um, dip(wide, 0.5 * own / wide))
    assert np.allclose(seen, expected, atol=2e-3)


def test_a_library_of_wide_channels_is_not_smoothed_twice():
    um = np.linspace(0.4, 1.6, 121)
    values = np.sin(um * 20)
    library = library_of(um, values, np.full(121, 0.02))
    same = resample(library, [Band("b", um[60], 0.02)])[0]
    assert np.allclose(same, values[60], atol=1e-6)


def test_what_was_not_measured_is_nan():
    um = np.linspace(0.4, 1.0, 61)
    values = np.ones(61)
    values[30:40] = np.nan
    library = library_of(um, values)
    seen = resample(library, [Band("a", 0.75, 0.03), Band("b", 0.5, 0.03), Band("c", 1.6, 0.1)])
    assert np.isnan(seen[0]).tolist() == [True, False, True]
    with pytest.raises(InputError, match="no wavelength"):
        resample(library, [Band("A00", quantity="feature")])


def test_a_tabulated_response_weighs():
    library = library_of([0.4, 0.5, 0.6, 0.7], [0.0, 1.0, 1.0, 0.0])
    box = Response(np.array([0.5, 0.6]), np.ones(2))
    assert resample(library, [box]) == pytest.approx(1.0)
    with pytest.raises(InputError, match="rising"):
        Response(np.array([0.6, 0.5]), np.ones(2))
    with pytest.raises(InputError, match="FWHM"):
        gaussian(0.5, 0.0)


@pytest.mark.real_data
def test_real_libraries(data):
    field = read_library(data / "hyperspectral" / "gamsberg" / "gamsberg_field_library")
    assert len(field) == 27
    assert field.names[0] == "16_03_12_2_C1_mica_shist"
    assert field.wavelengths_um[[0, -1]].tolist() == [0.35, 2.5]
    usgs = read_library(data / "speclib" / "USGS_1995_Library.mat")
    assert len(usgs) == 498
    assert usgs.names[0] == "Acmite NMNH133746"
    on_tm = resampled(usgs, get_sensor("landsat8").default_bands)
    assert on_tm.reflectance.shape == (498, 6)
    alunite = [i for i, n in enumerate(usgs.names) if n.startswith("Alunite")]
    swir16, swir22 = on_tm.reflectance[alunite, 4], on_tm.reflectance[alunite, 5]
    assert (swir22 < swir16).all()  # the AlOH absorption at 2.17 um
