import re
import shutil

import numpy as np
import pytest
import rasterio

from outcrop.__main__ import main
from outcrop.config import Input
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.source import Window, notes_of

UM = np.linspace(0.4, 2.5, 60)
NM = ", ".join(f"{u * 1000:.2f}" for u in UM)


def cube(folder, header="", name="cube.img", interleave="bsq", dtype="<i2", count=60, beside=None):
    """Write a cube whose number says its place: 1000 × band + 10 × row + column."""
    band, row, col = np.mgrid[:count, :3, :4]
    data = (100 * band + 10 * row + col).astype(dtype)
    axes = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave]
    folder.mkdir(exist_ok=True)
    path = folder / name
    data.transpose(axes).tofile(path)
    kind = {"i2": 2, "f4": 4, "u2": 12}[dtype[1:]]
    (folder / (beside or f"{path.stem}.hdr")).write_text(
        f"ENVI\nsamples = 4\nlines = 3\nbands = {count}\nheader offset = 0\n"
        f"file type = ENVI Standard\ndata type = {kind}\ninterleave = {interleave}\n"
        f"byte order = {int(dtype[0] == '>')}\n{header}\n"
    )
    return path


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f4", ">u2"])
@pytest.mark.parametrize("beside", ["cube.hdr", "cube.img.hdr"])
def test_every_layout_reads_the_same(tmp_path, interleave, dtype, beside):
    path = cube(tmp_path / "c", interleave=interleave, dtype=dtype, beside=beside)
    for given in (path, path.with_name(beside)):
        source = open_source(str(given))
        assert source.read(Window(2, 1, 1, 1))[:, 0, 0].tolist() == [
            100 * b + 21 for b in range(60)
        ]


@pytest.mark.parametrize(
    ("header", "note"),
    [
        (f"wavelength units = Nanometers\nwavelength = {{{NM}}}", None),
        (f"wavelength units = Unknown\nwavelength = {{{NM}}}", "taken for nanometres"),
        (f"wavelength = {{{NM}}}", "taken for nanometres"),
        (
            "wavelength units = Wavenumber\nwavelength = {"
            + ", ".join(f"{1e4 / u:.4f}" for u in UM)
            + "}",
            None,
        ),
    ],
)
def test_wavelengths_of_every_unit_and_no_water_vapour(tmp_path, header, note):
    source = open_source(str(cube(tmp_path / "c", header)))
    um = [b.wavelength_um for b in source.bands]
    dry = UM[((UM < 1.325) | (UM > 1.435)) & ((UM < 1.77) | (UM > 1.965))]
    assert np.allclose(um, dry, atol=1e-4)
    notes = " ".join(notes_of(source))
    assert (note or "water vapour") in notes
    assert "1.326 um to 1.432 um, 1.788 um to 1.966" not in notes
    assert len(open_source(str(cube(tmp_path / "c", header)), Input(bands=("all",))).bands) == 60


def test_bad_bands_scale_and_nodata_of_the_header(tmp_path):
    bad = [0 if i in (0, 1, 7) else 1 for i in range(60)]
    header = (
        f"wavelength units = nm\nwavelength = {{{NM}}}\nfwhm = {{{', '.join(['9.5'] * 60)}}}\n"
        f"bbl = {{{', '.join(map(str, bad))}}}\nreflectance scale factor = 10000\n"
        "data ignore value = 200\n"
    )
    source = open_source(str(cube(tmp_path / "c", header)))
    assert source.bands[0].fwhm_um == pytest.approx(0.0095)
    assert source.bands[0].quantity == "reflectance"
    assert any("3 of 60 bands left out, flagged as bad: 0.400 um to 0.436 um, 0.649 um" in n
               for n in notes_of(source))  # fmt: skip
    data = source.read(Window(0, 0, 3, 4))
    assert np.isnan(data[0, 0, 0])
    assert data[0, 0, 1] == pytest.approx(0.0201)


def test_a_scale_of_one_is_known_where_the_header_states_it(tmp_path):
    header = f"wavelength units = nm\nwavelength = {{{NM}}}\n"
    stated = "reflectance scale factor = 1\n"
    for folder, more, quantity in (("a", "", "unknown"), ("b", stated, "reflectance")):
        source = open_source(str(cube(tmp_path / folder, header + more)))
        assert {band.quantity for band in source.bands} == {quantity}


def test_few_bands_are_no_spectrometers(tmp_path):
    header = "wavelength units = Micrometers\nwavelength = {0.5, 1.38, 1.6}"
    source = open_source(str(cube(tmp_path / "c", header, count=3)))
    assert len(source.bands) == 3


def test_a_range_of_wavelengths(tmp_path):
    path = str(cube(tmp_path / "c", f"wavelength units = nm\nwavelength = {{{NM}}}"))
    um = [b.wavelength_um or 0 for b in open_source(path, Input(bands=("1.6-2.4",))).bands]
    assert 1.6 <= min(um) <= max(um) <= 2.4
    assert not any(1.77 <= u <= 1.965 for u in um)
    with pytest.raises(SceneError, match=r"no band between 3 and 4 um; they lie at 0\.4-2\.5"):
        open_source(path, Input(bands=("3-4",)))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("wavelength = {1, 2}", "lists 2 numbers for 60"),
        ("bbl = {1, x}", "no number"),
        ("file type = ENVI Spectral Library", "spectral library and no scene"),
    ],
)
def test_bad_headers_are_named(tmp_path, header, said):
    path = cube(tmp_path / "c", header)
    text = path.with_suffix(".hdr").read_text()
    if "Library" in header:
        path.with_suffix(".hdr").write_text(text.replace("file type = ENVI Standard\n", ""))
    with pytest.raises(SceneError, match=said):
        open_source(str(path))


@pytest.mark.parametrize("beside", ["cube.hdr", "cube.img.hdr"])
@pytest.mark.parametrize("kind", [None, "zip", "tar"])
def test_a_folder_or_an_archive_of_one_cube_is_the_cube(tmp_path, kind, beside):
    path = cube(tmp_path / "c", f"wavelength units = nm\nwavelength = {{{NM}}}", beside=beside)
    (tmp_path / "c" / "usgs.hdr").write_text("ENVI\nfile type = ENVI Spectral Library\n")
    (tmp_path / "c" / "usgs.sli").write_bytes(b"1234")
    given = shutil.make_archive(str(tmp_path / "c"), kind, path.parent) if kind else path.parent
    source, plain = open_source(str(given)), open_source(str(path))
    assert source.bands == plain.bands
    window = Window(0, 0, 3, 4)
    np.testing.assert_array_equal(source.read(window), plain.read(window))


def test_a_cut_off_cube_in_an_archive_is_refused(tmp_path):
    path = cube(tmp_path / "c")
    path.write_bytes(path.read_bytes()[:-50])
    archive = shutil.make_archive(str(tmp_path / "c"), "zip", path.parent)
    with pytest.raises(SceneError, match="is truncated: its header promises"):
        open_source(archive)


def test_a_folder_of_two_cubes_names_them(tmp_path):
    cube(tmp_path / "c")
    cube(tmp_path / "c", name="other.img")
    with pytest.raises(SceneError, match=r"holds 2 products \(ENVI cube: cube.img, other.img\)"):
        open_source(str(tmp_path / "c"))


def test_a_header_alone_is_no_cube(tmp_path):
    path = cube(tmp_path / "c")
    path.unlink()
    with pytest.raises(SceneError, match="not beside it"):
        open_source(str(path.with_suffix(".hdr")))


def test_map_info_gives_the_grid(tmp_path):
    path = cube(
        tmp_path / "c",
        "map info = {UTM, 1, 1, 600000, 6600000, 30, 30, 54, South, WGS-84, units=Meters}",
    )
    grid = open_source(str(path)).grid
    assert grid.affine[:6] == (30, 0, 600000, 0, -30, 6600000)
    assert rasterio.crs.CRS.from_string(str(grid.crs)).to_epsg() == 32754


@pytest.mark.real_data
def test_real_cubes(data):
    folder = data / "hyperspectral"
    emit = open_source(str(folder / "emit_snippet" / "emit20250324t221005_jpl_unmix_ex"))
    assert len(emit.bands) == 285 - 41  # the product's own list
    assert emit.bands[-1].wavelength_um == pytest.approx(2.4929, abs=1e-3)
    gamsberg = open_source(str(folder / "gamsberg" / "cubus_gamsberg_subset.hdr"))
    assert gamsberg.grid.shape == (25, 10)
    assert len(gamsberg.bands) == 159
    assert gamsberg.bands[0].name == "Resize (Band 1:resampled_clipped_2013317)"


def test_info_lists_the_bands_of_a_spectrometer_that_have_a_name(tmp_path, capsys):
    scene = cube(tmp_path / "c", f"wavelength units = Nanometers\nwavelength = {{{NM}}}")
    assert main(["info", str(scene)]) == 0
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines() if " unknown " in line]
    names = [words[words.index("unknown") - 1] for words in rows if "note:" not in words]
    assert names == ["-", "blue", "green", "red", "nir", "swir16", "swir22", "-"]
    assert re.search(r"\(8 of 5\d bands; --json tells all\)", said)
