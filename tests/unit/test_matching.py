"""What units are like: verdicts, words, and what is told of the library."""

import json

import numpy as np
import pytest

from outcrop.__main__ import main
from outcrop.errors import SceneError
from outcrop.matching import CLOSE, FAR, angles, built_in, match_spectra, open_library, words
from outcrop.sensors import Band, get_sensor
from outcrop.spectra import SpectralLibrary, resample
from rasters import blobs, write

UM = np.arange(0.4, 2.5, 0.01)


def library_of(tmp_path, **spectra):
    path = tmp_path / "lib.sli"
    values = np.array(list(spectra.values()), "f4")
    values.tofile(path)
    (tmp_path / "lib.hdr").write_text(
        f"ENVI\nsamples = {len(UM)}\nlines = {len(values)}\nbands = 1\nfile type = ENVI Spectral "
        f"Library\ndata type = 4\nbyte order = 0\nwavelength units = Micrometers\nwavelength = "
        f"{{{', '.join(f'{v:.3f}' for v in UM)}}}\nspectra names = {{{', '.join(spectra)}}}\n"
    )
    return path


def bands_of(count=6):
    chosen = ("B2", "B3", "B4", "B5", "B6", "B7")[:count]
    sensor = {b.name: b for b in get_sensor("landsat8").bands}
    return [Band(n, sensor[n].wavelength_um, sensor[n].fwhm_um, quantity="reflectance")
            for n in chosen]  # fmt: skip


RISING, FALLING = 0.1 + 0.2 * UM, 0.7 - 0.2 * UM
BUMP = 0.3 + 0.25 * np.exp(-(((UM - 1.6) / 0.3) ** 2))


def means_of(path, bands, names):
    seen = resample(open_library(str(path)), bands)
    known = dict(zip(open_library(str(path)).names, seen, strict=True))
    return {i + 1: known[n] for i, n in enumerate(names)}


def test_a_spectrum_is_nearest_to_itself_however_bright(tmp_path):
    path = library_of(tmp_path, rising=RISING, falling=FALLING, bump=BUMP)
    bands = bands_of()
    means = {n: 0.3 * m for n, m in means_of(path, bands, ["falling", "bump"]).items()}
    facts = match_spectra(means, bands, open_library(str(path)))
    assert facts["missing"] == ""
    assert facts["spectra"] == 3 + len(built_in())
    assert [facts["units"][n]["candidates"][0]["name"] for n in "12"] == ["falling", "bump"]
    assert [facts["units"][n]["verdict"] for n in "12"] == ["nearest", "nearest"]
    assert "In 6 bands nearest to falling (0.0°)" in words(facts["units"]["1"], 6)
    assert facts["library"]["sha256"]
    assert "20 nm" in facts["features_missing"]


def test_a_runner_up_within_a_degree_makes_it_ambiguous(tmp_path):
    near = FALLING * (1 + 0.01 * np.sin(8 * UM))
    path = library_of(tmp_path, falling=FALLING, near=near, rising=RISING)
    bands = bands_of()
    found = match_spectra(means_of(path, bands, ["falling"]), bands, open_library(str(path)))
    entry = found["units"]["1"]
    assert 0 < entry["candidates"][1]["degrees"] < CLOSE
    assert (entry["verdict"], entry["close"]) == ("ambiguous", 2)
    assert words(entry, 6).startswith("Ambiguous: falling (0.0°), near (")


def test_five_bands_are_always_ambiguous(tmp_path):
    path = library_of(tmp_path, falling=FALLING, bump=BUMP)
    bands = bands_of(5)
    found = match_spectra(means_of(path, bands, ["bump"]), bands, open_library(str(path)))
    assert found["units"]["1"]["verdict"] == "ambiguous"
    assert words(found["units"]["1"], 5).startswith("Ambiguous (only 5 bands): bump (0.0°), ")


def test_what_is_like_nothing_is_said_to_be(tmp_path):
    path = library_of(tmp_path, rising=RISING)
    bands = bands_of()
    found = match_spectra({1: [0.1, 0.9, 0.1, 0.9, 0.1, 0.9]}, bands, open_library(str(path)))
    assert found["units"]["1"]["verdict"] == "unlike"
    assert found["units"]["1"]["candidates"][0]["degrees"] > FAR


def test_plants_and_soil_are_always_among_the_candidates(tmp_path):
    path = library_of(tmp_path, rising=RISING)
    bands = bands_of()
    own = dict(zip(built_in().names, resample(built_in(), bands), strict=True))
    found = match_spectra({1: own["green plants"], 2: own["dry grass"], 3: own["soil"]}, bands,
                          open_library(str(path)))["units"]  # fmt: skip
    first = [found[n]["candidates"][0] for n in "123"]
    assert [c["name"] for c in first] == ["green plants", "dry grass", "soil"]
    assert {c["from"] for c in first} == {"built in"}


def test_narrow_bands_tell_absorptions_and_no_mineral(tmp_path):
    mica = 0.5 * (1 - 0.2 * np.exp(-4 * np.log(2) * ((UM - 2.2) / 0.05) ** 2))
    path = library_of(tmp_path, muscovite=mica, rising=RISING)
    bands = [Band(f"b{i}", float(v), 0.01, quantity="reflectance") for i, v in enumerate(UM)]
    found = match_spectra({1: mica}, bands, open_library(str(path)))
    features = found["units"]["1"]["features"]
    assert found["features_missing"] == ""
    assert features[0]["um"] == pytest.approx(2.2, abs=0.01)
    assert "Al-OH" in features[0]["words"]


@pytest.mark.parametrize(("bands", "why"), [
    ([Band("B1"), Band("B2")], "needs 3"),
    ([Band(f"T{i}", 8.0 + i, quantity="emissivity") for i in range(5)], "hold reflected light"),
    ([Band(f"F{i}", 3.0 + i / 10, quantity="reflectance") for i in range(5)], "covers 0.40-2.49"),
])  # fmt: skip
def test_bands_that_cannot_be_compared_say_why(tmp_path, bands, why):
    path = library_of(tmp_path, rising=RISING)
    facts = match_spectra({1: [0.1] * len(bands)}, bands, open_library(str(path)))
    assert why in facts["missing"]
    assert facts["units"] == {}


def test_spectra_that_were_not_measured_everywhere_are_left_out():
    half = np.where(UM < 1.0, RISING, np.nan)
    many = tuple(f"whole {i}" for i in range(10))
    spectra = np.array([*[FALLING + 0.01 * i * RISING for i in range(10)], half])
    library = SpectralLibrary((*many, "half"), UM, None, spectra, __file__)
    facts = match_spectra({1: [0.1, 0.2, 0.2, 0.3, 0.4, 0.5]}, bands_of(), library)
    assert facts["spectra"] == 10 + len(built_in())


def test_angles():
    found = angles(np.array([1.0, 0]), np.array([[2.0, 0], [0, 3], [1, 1], [-1, 0]]))
    assert found == pytest.approx([0, 90, 45, 180])


def test_map_and_apply_take_a_library_and_a_rerun_keeps_it(tmp_path, capsys):
    path = library_of(tmp_path, rising=RISING, falling=FALLING)
    data, _ = blobs((40, 60), bands=6, units=3)
    scene = write(tmp_path / "s.tif", np.round(data * 1e4).astype("u2"), nodata=0)
    out = tmp_path / "out"
    said = ["--sensor", "landsat8", "--scale", "1e-4", "-q"]
    assert main(["map", scene, "-o", str(out), "--units", "3", "--library", str(path), *said]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    legend = json.loads((out / "legend.json").read_text())
    assert set(metrics["matches"]["units"]) == {"1", "2", "3"}
    assert legend["units"][0]["matches"] == metrics["matches"]["units"]["1"]
    settings = (out / "run.toml").read_text()
    assert metrics["matches"]["library"]["sha256"] in settings
    assert "spectral angle" in (out / "report.html").read_text("utf-8")

    again = tmp_path / "again"
    assert main(["map", scene, "-o", str(again), "--recipe", str(out / "run.toml"), "-q"]) == 0
    assert json.loads((again / "metrics.json").read_text())["matches"] == metrics["matches"]
    applied = tmp_path / "applied"
    assert main(["apply", str(out), scene, "-o", str(applied), "--library", str(path), "-q"]) == 0
    assert json.loads((applied / "metrics.json").read_text())["matches"] == metrics["matches"]
    # A legend that is taken over doesn't bring its likenesses along.
    like = tmp_path / "like"
    argv = ["map", scene, "-o", str(like), "--units", "3", "--like", str(out), *said]
    assert main(argv) == 0
    assert all("matches" not in u for u in json.loads((like / "legend.json").read_text())["units"])

    capsys.readouterr()
    assert main(["map", scene, "-o", str(tmp_path / "x"), "--library", scene, *said]) == 2
    assert "no spectral library" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_a_library_that_is_missing_says_so():
    with pytest.raises(SceneError, match="does not exist"):
        open_library("/nowhere/lib.sli")
    assert open_library(None) is None


@pytest.mark.real_data
def test_the_usgs_library_on_cañon_city(data):
    from outcrop.opening import open_source
    from outcrop.source import Window

    source = open_source(str(data / "canon_city_tm" / "can_tmr.img"))
    library = open_library(str(data / "speclib" / "USGS_1995_Library.mat"))
    assert library is not None
    # An irrigated field, and the white outcrop belt.
    spots = {1: Window(330, 330, 3, 3), 2: Window(110, 330, 3, 3)}
    means = {n: source.read(w).mean(axis=(1, 2)) for n, w in spots.items()}
    facts = match_spectra(means, source.bands, library)
    assert len(facts["bands"]) == 6
    assert facts["spectra"] == 501
