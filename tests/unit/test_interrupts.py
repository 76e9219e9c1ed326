import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from outcrop.errors import unknown_name
from outcrop.interrupts import SOON, careful_interrupts, uncut
from outcrop.publish import staged
from rasters import write

#: Sends signals from a function that LLVM calls for a kernel's code, where Python drops errors.
LOADING = """
import os, signal, sys
from llvmlite.binding.executionengine import ExecutionEngine

calls, find = [], ExecutionEngine._find_module_ptr

def interrupted(self, pointer):
    calls.append(pointer)
    if len(calls) == CALL:
        for _ in range(SIGNALS):
            os.kill(os.getpid(), signal.SIGINT)
    return find(self, pointer)

ExecutionEngine._find_module_ptr = interrupted
from outcrop.__main__ import main
sys.exit(main(["map", "scene.tif", "-o", "out", "--units", "3"]))
"""
posix = pytest.mark.skipif(os.name == "nt", reason="SIGINT to a process is POSIX")


def interrupt():
    signal.raise_signal(signal.SIGINT)


def wait():
    time.sleep(100 * SOON)
    raise AssertionError("was not interrupted")


def stopped_while_loading(folder, call, signals):
    rng = np.random.default_rng(0)
    write(folder / "scene.tif", rng.integers(1, 9999, (4, 60, 60)).astype("u2"))
    script = LOADING.replace("CALL", str(call)).replace("SIGNALS", str(signals))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          cwd=folder, timeout=300)  # fmt: skip


@posix
@pytest.mark.parametrize("call", [1, 2])
def test_ctrl_c_waits_for_a_kernel_that_is_loaded(tmp_path, call):
    done = stopped_while_loading(tmp_path, call, 1)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1] == "outcrop: stopped; nothing was left behind"
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["scene.tif"]


@posix
def test_the_second_ctrl_c_ends_at_once(tmp_path):
    done = stopped_while_loading(tmp_path, 1, 2)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1].startswith("outcrop: stopped at once; ")
    assert "Traceback" not in done.stderr


def test_an_interrupt_that_python_drops_is_raised_again():
    class Dropping:
        def __del__(self):
            interrupt()

    @careful_interrupts()
    def dropped():
        Dropping()
        wait()

    with pytest.raises(KeyboardInterrupt):
        dropped()


def test_an_uncut_function_comes_to_its_end():
    done = []

    @uncut
    def whole():
        interrupt()
        time.sleep(4 * SOON)
        done.append("all")

    @careful_interrupts()
    def run():
        whole()
        wait()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["all"]


def test_an_interrupt_that_has_waited_to_the_end_is_raised_there():
    with pytest.raises(KeyboardInterrupt, match="all was done"), careful_interrupts():
        uncut(interrupt)()
    time.sleep(2 * SOON)  # and not again


def test_a_second_signal_calls_what_was_given_even_there():
    called = []

    @uncut
    def whole():
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt), careful_interrupts(again=lambda: called.append(1)):
        whole()
    assert called == [1]


def test_who_is_imported_while_he_maps_is_stopped(tmp_path, monkeypatch):
    """An import is not cut, but what lies beyond a function of ours is the caller's."""
    (tmp_path / "mapping_script.py").write_text(
        "import signal\nfrom outcrop.errors import unknown_name\n"
        "def names():\n    signal.raise_signal(signal.SIGINT)\n    yield 'one call more'\n"
        "try:\n    unknown_name('sensor', 'x', names())\n"
        "except KeyboardInterrupt:\n    cut = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with careful_interrupts():
        import mapping_script
    assert mapping_script.cut
    assert unknown_name("sensor", "x", ())  # what it calls is there


def test_handlers_are_put_back_and_those_of_others_left():
    hook = sys.unraisablehook
    with careful_interrupts(signal.SIGTERM):
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert sys.unraisablehook is hook
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background
    try:
        with careful_interrupts():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_result_is_put_in_its_place_whole(tmp_path, monkeypatch):
    out = tmp_path / "out"
    replace = os.replace

    def interrupted(*paths):
        interrupt()
        time.sleep(4 * SOON)
        monkeypatch.setattr(os, "replace", replace)
        replace(*paths)

    @careful_interrupts()
    def publish(text):
        with staged(out, overwrite=True) as folder:
            (folder / "run.toml").write_text(text)
            monkeypatch.setattr(os, "replace", interrupted)

    for text in ("[provenance] first", "[provenance] second"):
        with pytest.raises(KeyboardInterrupt, match="all was done by then"):
            publish(text)
        assert (out / "run.toml").read_text() == text
        assert [p.name for p in tmp_path.iterdir()] == ["out"]
