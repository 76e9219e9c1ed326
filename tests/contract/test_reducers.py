"""Every entry of the table of reducers keeps the contract of scikit-learn and of Outcrop."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from outcrop.reduction import REDUCERS

CASES = [(name, {}) for name in REDUCERS] + [
    ("pca", {"whiten": True}),
    ("mnf", {"whiten": True}),
    ("autoencoder", {"whiten": True}),
    ("stacked", {"design": "nagar2024"}),
]
CASE_IDS = [" ".join([name, *map(str, params.values())]) for name, params in CASES]
every_case = pytest.mark.parametrize(("name", "params"), CASES, ids=CASE_IDS)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Two threads that wait for each other on a busy machine take many times as long."""
    with threadpool_limits(1):
        yield


def make(name, params, **more):
    reducer = REDUCERS.load(name)(**params)
    known = reducer.get_params()
    return reducer.set_params(**{key: value for key, value in more.items() if key in known})


def scene(n=600, n_bands=6, seed=0):
    rng = np.random.default_rng(seed)
    mixed = rng.random((n, 3)) @ rng.random((3, n_bands)) + 0.02 * rng.random((n, n_bands))
    return (mixed / mixed.max(axis=0)).astype(np.float32)


@parametrize_with_checks([REDUCERS.load(name)(**params) for name, params in CASES])
def test_sklearn_checks(estimator, check):
    check(estimator)


@every_case
def test_state_round_trip_is_exact(name, params):
    rows = scene()
    fitted = make(name, params, random_state=0).fit(rows)
    facts, arrays = fitted.to_state()
    restored = type(fitted).from_state(json.loads(json.dumps(facts)), arrays)
    np.testing.assert_array_equal(restored.transform(rows), fitted.transform(rows), strict=True)
    assert restored.n_features_in_ == 6
    assert all(array.dtype.kind == "f" for array in arrays.values())


@every_case
def test_a_row_does_not_depend_on_its_company(name, params):
    rows = scene(20_000)
    fitted = make(name, params, random_state=0).fit(rows[:500])
    codes = fitted.transform(rows)
    assert codes.dtype == np.float32
    assert codes.shape == (20_000, fitted.n_components_)
    assert np.isfinite(codes).all()
    for part in (slice(0, 1), slice(3, 8200), slice(4096, 4097), slice(12_345, 20_000)):
        np.testing.assert_array_equal(fitted.transform(rows[part]), codes[part])


@every_case
def test_seed_decides(name, params):
    rows = scene()
    first, again, other = (
        make(name, params, random_state=seed).fit(rows).transform(rows) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.array_equal(first, other) == (name in {"none", "pca", "mnf"})


@every_case
def test_global_seeds_and_threads_stay(name, params):
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_before, threads = torch.get_rng_state(), torch.get_num_threads()
    make(name, params).fit(scene()).transform(scene())
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert torch.get_num_threads() == threads


@every_case
def test_refit_leaves_nothing_of_the_first(name, params):
    fresh = make(name, params, random_state=0).fit(scene())
    used = make(name, params, random_state=0).fit(scene(n_bands=4)).fit(scene())
    np.testing.assert_array_equal(used.transform(scene()), fresh.transform(scene()))


def test_applying_loads_neither_torch_nor_numba(tmp_path):
    """In a process of its own, since the tests have loaded both."""
    rows = scene()
    models = []
    for index, (name, params) in enumerate(CASES):
        facts, arrays = make(name, params, random_state=0).fit(rows).to_state()
        np.savez(tmp_path / f"{index}.npz", **arrays)
        models.append([name, facts])
    (tmp_path / "models.json").write_text(json.dumps(models))
    code = (
        "import json, sys, numpy as np\n"
        "from outcrop.reduction import REDUCERS\n"
        "for i, (name, facts) in enumerate(json.load(open('models.json'))):\n"
        "    arrays = dict(np.load(f'{i}.npz'))\n"
        "    REDUCERS.load(name).from_state(facts, arrays).transform(np.zeros((5, 6)))\n"
        "print(sorted({'torch', 'numba'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]"
