"""A file that several processes change: each in its turn, and none for ever."""

import os
import subprocess
import sys
import time

import pytest

from outcrop import durable

ADD = """
import sys
from pathlib import Path
from outcrop.durable import alone, replace_text
path = Path(sys.argv[1])
for _ in range(25):
    with alone(path):
        replace_text(path, str(int(path.read_text("utf-8")) + 1))
"""


def test_changes_of_two_processes_are_all_kept(tmp_path):
    path = tmp_path / "count.txt"
    path.write_text("0")
    command = [sys.executable, "-c", ADD, str(path)]
    adding = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=120) for process in adding] == [0, 0]
    assert path.read_text() == "50"
    assert os.listdir(tmp_path) == ["count.txt"]


def test_who_waits_too_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(durable, "PATIENCE", 0.1)
    with durable.alone(tmp_path / "x"):
        with pytest.raises(FileExistsError), durable.alone(tmp_path / "x"):
            raise AssertionError
        assert (tmp_path / "x.lock").exists()


def test_a_lock_left_behind_holds_nobody(tmp_path):
    lock = tmp_path / "x.lock"
    lock.touch()
    old = time.time() - durable.STALE - 1
    os.utime(lock, (old, old))
    with durable.alone(tmp_path / "x"):
        pass
    assert not lock.exists()


def test_an_error_lets_go(tmp_path):
    with pytest.raises(KeyError), durable.alone(tmp_path / "x"):
        raise KeyError
    assert os.listdir(tmp_path) == []
