"""Members of archives as files: the same pixels, bounded copies, nothing left behind."""

import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import aster
import spectrometers
from outcrop.errors import SceneError
from outcrop.opening import open_source
from outcrop.sensors import unpacked
from outcrop.source import Window, file_paths

WRITERS = {
    "emit": spectrometers.write_emit,
    "prisma": spectrometers.write_prisma,
    "aster": lambda folder: (folder.mkdir(), aster.l1t(folder)),
}


@pytest.fixture
def packed(tmp_path):
    """A product in its folder and in an archive of each kind."""

    def pack(product, kind):
        folder = tmp_path / "p"
        WRITERS[product](folder)
        return folder, shutil.make_archive(str(tmp_path / "p"), kind, folder)

    return pack


@pytest.mark.parametrize("product", WRITERS)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_product_in_its_archive_is_the_product(packed, product, kind):
    folder, archive = packed(product, kind)
    plain, inside = open_source(str(folder)), open_source(archive)
    window = Window(0, 0, *plain.grid.shape)
    np.testing.assert_array_equal(plain.read(window), inside.read(window))
    assert inside.name == plain.name
    assert inside.notes == plain.notes
    files = list(file_paths(inside))
    assert files
    assert all(f == archive or f.startswith(f"/vsi{kind}/{{{archive}}}/") for f in files)
    # What is sent to another process is the name in the archive, and not this machine's copy.
    assert b"outcrop-" not in pickle.dumps(inside)


def test_a_compressed_tar_and_a_name_with_dots(tmp_path):
    folder = tmp_path / "p"
    path = spectrometers.write_prisma(folder)
    subprocess.run(["tar", "-C", folder, "-czf", tmp_path / "p.tgz", f"./{path.name}"], check=True)
    assert open_source(str(tmp_path / "p.tgz")).grid == open_source(str(folder)).grid


def test_copies_go_with_the_process(packed, tmp_path):
    _, archive = packed("prisma", "zip")
    code = (
        "import sys, tempfile; from outcrop.opening import open_source; "
        f"open_source({archive!r}); import os; print(os.listdir(tempfile.gettempdir()))"
    )
    room = tmp_path / "room"
    room.mkdir()
    env = {**__import__("os").environ, "TMPDIR": str(room)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert "outcrop-" in said.stdout
    assert not list(room.iterdir())


def test_a_member_that_is_too_large_is_refused_before_it_is_written(packed, monkeypatch):
    _, archive = packed("prisma", "zip")
    monkeypatch.setattr(unpacked, "MOST_BYTES", 100)
    with pytest.raises(SceneError, match="at most 0 MB are unpacked; unpack it yourself"):
        open_source(archive)


def test_a_disk_without_room_is_named(packed, monkeypatch):
    _, archive = packed("prisma", "tar")
    monkeypatch.setattr(unpacked, "SPARE_BYTES", 2**62)
    with pytest.raises(SceneError, match="set TMPDIR to another disk"):
        open_source(archive)


def test_a_member_that_lies_about_its_size_is_an_error(packed):
    """A bomb: the directory says 1 byte, the stream holds all."""
    folder, archive = packed("prisma", "zip")
    name = next(folder.glob("*.he5"))
    whole = Path(archive).read_bytes()
    size = name.stat().st_size.to_bytes(4, "little")
    Path(archive).write_bytes(whole.replace(size, (64).to_bytes(4, "little")))
    with pytest.raises(SceneError, match=r"(archive|it) again"):
        open_source(archive)


def test_a_damaged_member_says_so(packed):
    folder, archive = packed("prisma", "zip")
    data = bytearray(Path(archive).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(64)
    Path(archive).write_bytes(bytes(data))
    with pytest.raises(SceneError, match="cannot be unpacked"):
        open_source(archive)
    assert not any(f.suffix == ".he5" and f.parent.name == folder.name for f in _copies())


def _copies():
    return [f for folder in unpacked._FOLDERS.values() for f in folder.rglob("*")]


def test_a_changed_archive_is_unpacked_again(packed):
    folder, archive = packed("prisma", "zip")
    first = open_source(archive)
    shutil.rmtree(folder)
    spectrometers.write_prisma(folder, rows=12, cols=20)
    Path(archive).unlink()
    with zipfile.ZipFile(archive, "w") as out:
        for file in folder.iterdir():
            out.write(file, file.name)
    assert open_source(archive).grid.shape != first.grid.shape


def test_paths_of_files_are_left_alone(tmp_path):
    assert unpacked.local(tmp_path / "a.h5") == tmp_path / "a.h5"
