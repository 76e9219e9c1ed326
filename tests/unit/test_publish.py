import json
import os
import socket
import subprocess
import sys

import pytest

from outcrop.errors import OutputError
from outcrop.publish import staged


def fill(folder, text="new"):
    (folder / "run.toml").write_text(f"[provenance]\n{text}")


def finished_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def siblings(path):
    return sorted(p.name for p in path.iterdir())


def test_result_appears_whole(tmp_path):
    with staged(tmp_path / "out") as folder:
        fill(folder)
        assert not (tmp_path / "out").exists()
    assert siblings(tmp_path) == ["out"]
    assert siblings(tmp_path / "out") == ["run.toml"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_after_an_error(tmp_path, error):
    def failing():
        with staged(tmp_path / "out") as folder:
            fill(folder)
            raise error

    with pytest.raises(error):
        failing()
    assert siblings(tmp_path) == []


def test_an_empty_folder_is_as_good_as_none(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with staged(out) as folder:
        (folder / "run.toml").write_text("new")
    assert (out / "run.toml").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_existing_result_is_left_alone_unless_asked(tmp_path):
    with staged(tmp_path / "out") as folder:
        fill(folder, "old")
    with pytest.raises(OutputError, match="--overwrite"), staged(tmp_path / "out"):
        pass
    with pytest.raises(ValueError, match="x"), staged(tmp_path / "out", overwrite=True):
        raise ValueError("x")
    assert (tmp_path / "out" / "run.toml").read_text().endswith("old")
    with staged(tmp_path / "out", overwrite=True) as folder:
        fill(folder)
    assert (tmp_path / "out" / "run.toml").read_text().endswith("new")
    assert siblings(tmp_path) == ["out"]


def test_a_folder_of_somebody_else_is_never_replaced(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.doc").write_text("years of work")
    with pytest.raises(OutputError, match="not written by Outcrop"), staged(out, overwrite=True):
        pass
    assert siblings(out) == ["thesis.doc"]


def test_a_failed_swap_restores_the_old_result(tmp_path, monkeypatch):
    import os

    with staged(tmp_path / "out") as folder:
        fill(folder, "old")
    real = os.replace

    def replace(a, b):
        if str(a).endswith(".partial"):
            raise OSError("no")
        real(a, b)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OutputError), staged(tmp_path / "out", overwrite=True) as folder:
        fill(folder)
    monkeypatch.undo()
    assert (tmp_path / "out" / "run.toml").read_text().endswith("old")
    assert siblings(tmp_path) == ["out"]


def test_a_partial_folder_of_another_run_is_respected(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "x").touch()
    with pytest.raises(OutputError, match="delete it"), staged(tmp_path / "out", overwrite=True):
        pass
    assert (tmp_path / "out.partial" / "x").exists()


def test_a_run_under_way_is_never_taken_over(tmp_path):
    with staged(tmp_path / "out") as folder:
        fill(folder, "first")
        with (
            pytest.raises(OutputError, match="being written by another run"),
            staged(tmp_path / "out", overwrite=True),
        ):
            pass
    assert (tmp_path / "out" / "run.toml").read_text().endswith("first")


def test_what_a_user_put_into_a_result_is_never_deleted(tmp_path):
    with staged(tmp_path / "out") as folder:
        fill(folder)
    (tmp_path / "out" / "mine.qgz").touch()
    with pytest.raises(OutputError, match=r"mine\.qgz"), staged(tmp_path / "out", overwrite=True):
        pass
    (tmp_path / "out" / "mine.qgz").unlink()
    with (
        pytest.raises(OutputError, match="not written by Outcrop"),
        staged(tmp_path / "out", kind="scene", overwrite=True),
    ):
        pass
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.toml").write_text("[tool]\nx = 1\n")
    with (
        pytest.raises(OutputError, match="not written by"),
        staged(tmp_path / "other", overwrite=True),
    ):
        pass


def test_a_failure_takes_new_parent_folders_along(tmp_path):
    def failing():
        with staged(tmp_path / "a" / "b" / "out"):
            raise RuntimeError("x")

    with pytest.raises(RuntimeError, match="x"):
        failing()
    assert siblings(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_is_followed(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    for text in ("one", "two"):
        with staged(tmp_path / "link", overwrite=True) as folder:
            fill(folder, text)
    assert (tmp_path / "real" / "run.toml").read_text().endswith("two")
    assert siblings(tmp_path) == ["link", "real"]


def test_a_cut_off_run_is_cleared_by_overwrite(tmp_path):
    left = tmp_path / "out.partial"
    left.mkdir()
    (left / ".outcrop-partial").write_text(
        json.dumps({"pid": finished_pid(), "host": socket.gethostname()})
    )
    with pytest.raises(OutputError, match="add --overwrite"), staged(tmp_path / "out"):
        pass
    with staged(tmp_path / "out", overwrite=True) as folder:
        fill(folder)
    assert siblings(tmp_path) == ["out"]


def write_state(folder, blocks=3):
    (folder / "state.json").write_text(json.dumps({"finished": [[0, blocks - 1]]}))
    (folder / "parts").mkdir(exist_ok=True)


def test_finished_blocks_are_kept_and_can_be_taken_over(tmp_path):
    def failing():
        with staged(tmp_path / "out") as folder:
            write_state(folder)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x") as caught:
        failing()
    assert "3 finished blocks are kept" in caught.value.__notes__[0]
    assert siblings(tmp_path) == ["out.partial"]
    with staged(tmp_path / "out", resume=True) as folder:
        assert (folder / "state.json").exists()
        fill(folder)
    assert siblings(tmp_path) == ["out"]
    assert siblings(tmp_path / "out") == ["run.toml"]


def test_a_swap_that_failed_can_be_resumed(tmp_path, monkeypatch):
    real = os.replace

    def replace(a, b):
        if str(a).endswith(".partial"):
            raise PermissionError("no")
        real(a, b)

    def publish():
        with staged(tmp_path / "out") as folder:
            fill(folder)
            write_state(folder)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OutputError) as caught:
        publish()
    monkeypatch.undo()
    assert "--resume" in caught.value.__notes__[0]
    assert (tmp_path / "out.partial" / "state.json").exists()


def test_resume_never_takes_a_strangers_folder_or_a_live_run(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "state.json").write_text('{"finished": [[0, 3]]}')
    with pytest.raises(OutputError, match="not from Outcrop"), staged(
        tmp_path / "out", resume=True
    ):  # fmt: skip
        pass
    assert (tmp_path / "out.partial" / "state.json").exists()
    with staged(tmp_path / "two") as folder:
        write_state(folder)
        fill(folder)
        with (
            pytest.raises(OutputError, match="being written by another run"),
            staged(tmp_path / "two", resume=True),
        ):
            pass
    assert siblings(tmp_path) == ["out.partial", "two"]


def test_another_process_with_the_number_of_the_dead_one_is_no_hindrance(tmp_path):
    left = tmp_path / "out.partial"
    left.mkdir()
    claim = {"pid": os.getpid(), "born": "before the power cut", "host": socket.gethostname()}
    (left / ".outcrop-partial").write_text(json.dumps(claim))
    write_state(left)
    with staged(tmp_path / "out", resume=True) as folder:
        fill(folder)
    assert siblings(tmp_path) == ["out"]
