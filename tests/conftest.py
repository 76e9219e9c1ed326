"""What all tests share: the real scenes, and the rule that the gate must not skip them."""

import os

# Before NumPy is imported: on a busy machine BLAS threads that wait for each other cost more
# than they bring, and the results here don't depend on them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import hypothesis
import pytest

DATA = Path(os.environ.get("OUTCROP_DATA", Path(__file__).parents[2] / "shared" / "data"))

hypothesis.settings.register_profile("outcrop", deadline=None, max_examples=20, derandomize=True)
hypothesis.settings.load_profile("outcrop")


@pytest.fixture
def data() -> Path:
    """The folder of real scenes; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"needs the real scenes: {DATA} does not exist (set OUTCROP_DATA)")
    return DATA


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where OUTCROP_REQUIRE_DATA is set, a skipped test that needs the real scenes fails."""
    outcome = yield
    report = outcome.get_result()
    required = os.environ.get("OUTCROP_REQUIRE_DATA") and item.get_closest_marker("real_data")
    if report.skipped and required:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs the real scenes and was skipped"


@pytest.fixture(scope="session")
def workbench_runs(tmp_path_factory) -> tuple[Path, Path]:
    """Two finished runs for the workbench, with a CRS and without: copy them to edit them."""
    from workbench import make_run

    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder, "utm"), make_run(folder, "plane", crs=None, transform=None)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An HTTP server over a folder of its own, given up on soon where it misbehaves."""
    import served

    for name, value in served.HASTE.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "site").mkdir()
    with served.serving(tmp_path / "site") as site:
        yield site
