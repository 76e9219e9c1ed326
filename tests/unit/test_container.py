"""Folders and archives of others: read in place, nothing outside, nothing unbounded."""

import gzip
import io
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
import rasterio

import landsat
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.sensors import container as module
from outcrop.sensors.container import open_container, parse_xml
from outcrop.source import Window, file_paths


def packed(folder, kind):
    path = folder.parent / f"{folder.name}{kind}"
    if kind == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"{folder.name}/{file.name}")
    else:
        with tarfile.open(path, "w:gz" if "z" in kind else "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.add(file, f"./{file.name}" if kind == ".tgz" else file.name)
    return path


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_an_archive_reads_as_its_folder(tmp_path, kind):
    folder = landsat.product(tmp_path)
    window = Window(5, 7, 20, 30)
    expected = open_source(str(folder)).read(window)
    archive = packed(folder, kind)
    before = sorted(p.name for p in tmp_path.iterdir())
    source = open_source(str(archive))
    np.testing.assert_array_equal(source.read(window), expected)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert str(archive) in list(file_paths(source))


@pytest.mark.parametrize(
    "name", ["../x_MTL.txt", "/etc/x_MTL.txt", "a/../../x_MTL.txt", "a\\..\\x_MTL.txt", "C:x"]
)
def test_names_that_point_outside_are_refused(tmp_path, name):
    for kind in ("zip", "tar"):
        path = tmp_path / f"a.{kind}"
        if kind == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(zipfile.ZipInfo(name), "x")
        else:
            with tarfile.open(path, "w") as archive:
                archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        with pytest.raises(SceneError, match="points outside the archive or is not plain"):
            open_container(str(path))


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret_MTL.txt"
    secret.write_text("GROUP = X\nSPACECRAFT_ID = LANDSAT_8\n")
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("x_MTL.txt")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    assert open_container(str(path)).names == ()


def test_metadata_names_only_files_of_the_container(tmp_path):
    folder = landsat.product(tmp_path)
    content = landsat.groups()
    (tmp_path / "other.tif").write_bytes((folder / f"{landsat.ID}_SR_B2.TIF").read_bytes())
    content["PRODUCT_CONTENTS"]["FILE_NAME_BAND_2"] = "../other.tif"
    (folder / f"{landsat.ID}_MTL.txt").write_text(landsat.mtl_text(content))
    with pytest.raises(SceneError, match="files of B2 are missing"):
        open_source(str(folder))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_RATIO", 0)
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("x_MTL.txt")
        archive.addfile(entry, io.BytesIO())
    whole = bytearray(path.read_bytes())
    header = tarfile.TarInfo("big")
    header.size = 2**31
    path.write_bytes(header.tobuf() + bytes(whole))
    with pytest.raises(SceneError, match="hostile"):
        open_container(str(path))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_long_name_is_refused_before_it_is_in_memory(tmp_path, kind):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, 2**28
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as sink:
        sink.write(header.tobuf())
        for _ in range(2**8):
            sink.write(bytes(2**20))
        sink.write(tarfile.TarInfo("x_MTL.txt").tobuf())
    tracemalloc.start()
    try:
        with pytest.raises(SceneError, match="a name of 268,435,456 bytes"):
            open_container(str(path))
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed_as", [None, ".tar", ".zip"])
@pytest.mark.parametrize("suffix", [".TIF", ".vrt"])
def test_a_band_that_is_a_list_of_other_files_is_refused(tmp_path, packed_as, suffix):
    folder = landsat.product(tmp_path)
    band = folder / f"{landsat.ID}_SR_B2.TIF"
    secret = tmp_path / "secret.tif"
    band.rename(secret)
    with rasterio.open(secret) as raster:
        rows, cols = raster.shape
    band.with_suffix(suffix).write_text(
        f'<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}"><VRTRasterBand dataType="UInt16" '
        f'band="1"><SimpleSource><SourceFilename relativeToVRT="0">{secret}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    metadata = folder / f"{landsat.ID}_MTL.txt"
    metadata.write_text(metadata.read_text().replace("_SR_B2.TIF", f"_SR_B2{suffix}"))
    scene = packed(folder, packed_as) if packed_as else folder
    with pytest.raises(SceneError, match="a format that holds its own pixels"):
        open_source(str(scene))


def test_metadata_has_a_largest_size(tmp_path, monkeypatch):
    folder = landsat.product(tmp_path)
    monkeypatch.setattr(module, "MOST_METADATA", 100)
    with pytest.raises(SceneError, match="which no metadata file is"):
        open_source(str(folder))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_damaged_archives(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"PK\x03\x04" + b"\x00" * 700)
    with pytest.raises(SceneError, match=r"cannot be read as an archive|no product is recognised"):
        open_source(str(path))


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{}">]><LANDSAT_METADATA_FILE><A>'
    "<SPACECRAFT_ID>&b;</SPACECRAFT_ID></A></LANDSAT_METADATA_FILE>"
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB.format("LANDSAT_8"),
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    ],
)
def test_xml_with_entities_is_refused(tmp_path, text):
    with pytest.raises(SceneError, match="declares entities or a document type"):
        parse_xml(text.encode(), "x.xml")
    (tmp_path / "x_MTL.xml").write_text(text)
    with pytest.raises(SceneError, match="declares entities"):
        open_source(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"<a>", b"\x00\x01", b"<a>\xff</a>"])
def test_xml_that_is_none(data):
    with pytest.raises(SceneError, match="not valid XML"):
        parse_xml(data, "x.xml")


def test_a_folder_without_a_product_says_what_is_known(tmp_path):
    (tmp_path / "a.tif").write_text("")
    with pytest.raises(SceneError, match=r"no product is recognised; .* \(Landsat"):
        open_source(str(tmp_path))


def test_a_folder_of_band_files_shows_how_they_are_joined(tmp_path):
    for name in ("B02.tif", "B03.tif", "B04.tif", "B08.tif"):
        (tmp_path / name).write_text("")
    with pytest.raises(
        SceneError, match=r"joined by commas \(\S+B02\.tif,\S+B04\.tif,\.\.\.\), or"
    ):
        open_source(str(tmp_path))


@pytest.mark.parametrize("packed_as", [None, ".tar", ".zip"])
def test_what_macos_lays_beside_files_is_not_seen(tmp_path, packed_as):
    folder = landsat.product(tmp_path)
    for file in list(folder.iterdir()):
        file.with_name(f"._{file.name}").write_bytes(b"\x00\x05\x16\x07")
    scene = packed(folder, packed_as) if packed_as else folder
    assert open_source(str(scene)).grid.shape == (40, 50)
