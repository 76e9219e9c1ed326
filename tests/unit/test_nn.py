"""Training: the compiled loop against hand and autograd, and the loop in torch."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest
import torch

from outcrop.engine import limited_threads
from outcrop.errors import InputError
from outcrop.nn import greedy, small
from outcrop.nn.initial import glorot
from outcrop.nn.models import Layer, flatten
from outcrop.nn.train import Training, resolve_device, train
from outcrop.reduction.dense import Dense, autoencoder
from outcrop.reduction.stacked import NAGAR2024, StackedAutoencoder

TORCH = {
    "linear": lambda z: z,
    "selu": torch.nn.functional.selu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": torch.nn.functional.elu,
}
SETTINGS = {"penalty": 1e-4, "learning_rate": 1e-3, "stage": "s"}


def some_rows(n=50, columns=6, seed=0):
    return np.random.default_rng(seed).random((n, columns)).astype(np.float32)


def autograd(rows, weights, net, penalty):
    """Loss and gradient by torch in float64."""
    flat = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    x = torch.tensor(rows, dtype=torch.float64)
    h, absolute, end = x, 0.0, 0
    for n_in, n_out, name in zip(net.widths[:-1], net.widths[1:], net.activations, strict=True):
        start, end = end, end + n_in * n_out
        matrix, biases = flat[start:end].reshape(n_in, n_out), flat[end : end + n_out]
        end += n_out
        h = TORCH[name](h @ matrix + biases)
        absolute = absolute + h.abs().sum()
    loss = ((h - x) ** 2).mean() + penalty * absolute / len(x)
    loss.backward()
    return loss.item(), flat.grad.numpy()


def test_glorot_bounds_and_zero_biases():
    weights = glorot((40, 60, 5), np.random.default_rng(0))
    assert weights.dtype == np.float32
    assert len(weights) == 41 * 60 + 61 * 5
    first, second = np.sqrt(6 / 100), np.sqrt(6 / 65)
    assert 0.99 * first < np.abs(weights[:2400]).max() <= np.float32(first)
    assert 0.97 * second < np.abs(weights[2460:2760]).max() <= np.float32(second)
    assert weights[:2400].std() == pytest.approx(first / np.sqrt(3), rel=0.05)
    assert not weights[2400:2460].any()
    assert not weights[2760:].any()


def test_loss_and_gradient_by_hand():
    # 1 -> 1 -> 1, linear: h = 2x = (2, -2), y = h / 2 + 1 = (2, 0); errors 1 and 1.
    rows = np.array([[1.0], [-1.0]], np.float32)
    weights = np.array([2.0, 0.0, 0.5, 1.0], np.float32)
    loss, gradient = small.loss_and_gradient(rows, weights, (1, 1, 1), ("linear", "linear"), 0.1)
    # Mean square 1, penalty 0.1 * (|2| + |-2| + |2| + |0|) / 2 rows.
    assert loss == pytest.approx(1.3)
    # dy = (1 + 0.05, 1 + 0); dh = dy / 2 + 0.05 sign(h) = (0.575, 0.45).
    np.testing.assert_allclose(gradient, [0.125, 1.025, 0.1, 2.05], rtol=1e-5)


@pytest.mark.parametrize("activation", small.KINDS)
@pytest.mark.parametrize("stage", NAGAR2024, ids=lambda stage: len(stage.hidden))
def test_gradient_is_autograd_s(stage, activation):
    output = activation if activation != "selu" else "sigmoid"
    net = autoencoder(6, stage.hidden, activation, output)
    rows = some_rows() - 0.3
    weights = glorot(net.widths, np.random.default_rng(1))
    weights += 0.05 * np.random.default_rng(2).normal(size=len(weights)).astype(np.float32)
    loss, gradient = small.loss_and_gradient(rows, weights, net.widths, net.activations, 1e-2)
    expected_loss, expected = autograd(rows, weights, net, 1e-2)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=2e-6)
    assert np.abs(expected).max() > 1e-2


def test_penalty_counts_every_layer():
    net = autoencoder(6, (6, 4, 2, 4, 6), "selu", "sigmoid")
    rows, weights = some_rows(), glorot(net.widths, np.random.default_rng(0))
    total = sum(np.abs(net.first(n)(rows, weights)).sum() for n in range(1, 7)) / len(rows)
    with_it, without = (
        small.loss_and_gradient(rows, weights, net.widths, net.activations, p)[0] for p in (1, 0)
    )
    assert with_it - without == pytest.approx(total, rel=1e-5)
    assert without == pytest.approx(np.mean((net(rows, weights) - rows) ** 2), rel=1e-5)


def test_three_steps_of_adam_by_hand():
    # n = 10 rows in batches of 4: 4, 4 and 2, taken in the order that the seed gives.
    net, rows = autoencoder(3, (2,), "selu", "sigmoid"), some_rows(10, 3)
    rng = np.random.default_rng(7)
    expected = glorot(net.widths, rng).astype(np.float64)
    m, v = np.zeros_like(expected), np.zeros_like(expected)
    order = rng.permutation(10)
    for t, batch in enumerate((order[:4], order[4:8], order[8:]), 1):
        _, g = autograd(rows[batch], expected, net, 1e-4)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        pace = 1e-3 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        expected -= pace * m / (np.sqrt(v) + 1e-7)
    weights, _ = small.train(
        rows, net.widths, net.activations, np.random.default_rng(7), epochs=1, batch_size=4,
        **SETTINGS,
    )  # fmt: skip
    np.testing.assert_allclose(weights, expected, atol=2e-6)
    assert np.abs(weights - glorot(net.widths, np.random.default_rng(7))).max() > 2e-3


def test_every_epoch_visits_all_rows_in_a_new_order(monkeypatch):
    orders, steps, epoch = [], [], small._epoch

    def watched(rows, order, *rest):
        orders.append(order)
        loss, step = epoch(rows, order, *rest)
        steps.append(step)
        return loss, step

    monkeypatch.setattr(small, "_epoch", watched)
    net = autoencoder(6, (2,), "selu", "sigmoid")
    _, history = small.train(
        some_rows(130), net.widths, net.activations, np.random.default_rng(0), epochs=3,
        batch_size=64, **SETTINGS,
    )  # fmt: skip
    assert steps == [3, 6, 9]
    assert all(sorted(order) == list(range(130)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert history[0]["loss"] > history[2]["loss"]


def test_loss_of_an_epoch_is_the_mean_over_rows():
    net, rows = autoencoder(6, (2,), "selu", "sigmoid"), some_rows(70)
    settings = {**SETTINGS, "learning_rate": 0.0}
    weights, history = small.train(
        rows, net.widths, net.activations, np.random.default_rng(3), epochs=1, batch_size=64,
        **settings,
    )  # fmt: skip
    np.testing.assert_array_equal(weights, glorot(net.widths, np.random.default_rng(3)))
    loss, _ = small.loss_and_gradient(rows, weights, net.widths, net.activations, 1e-4)
    assert history == [
        {"stage": "s", "epoch": 1, "loss": pytest.approx(loss, rel=1e-5), "held_out": None}
    ]


def test_compiles_without_a_place_for_the_cache(monkeypatch):
    njit = numba.njit

    def no_cache(*args, **options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*args, **options)

    monkeypatch.setattr(numba, "njit", no_cache)
    assert small._compiled(lambda x: x + 1)(2) == 3


def test_same_weights_whether_compiled_now_or_before(tmp_path):
    code = (
        "import numpy as np; from outcrop.nn import small\n"
        "rows = np.random.default_rng(0).random((999, 6)).astype('f4')\n"
        "w, _ = small.train(rows, (6, 4, 2, 6), ('selu', 'selu', 'sigmoid'),\n"
        "    np.random.default_rng(0), epochs=2, batch_size=16, penalty=1e-4,\n"
        "    learning_rate=1e-3, stage='s')\n"
        "print(w.tobytes().hex())\n"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    compiled, found = (
        subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert len(compiled) > 8 * 50
    assert compiled == found


def test_flat_weights_of_torch_layers_are_those_of_numpy():
    rng = np.random.default_rng(0)
    names = ("tanh", "elu", "selu", "sigmoid", "linear")
    layers = [Layer(6, 6, name, rng) for name in names]
    rows = 3 * some_rows() - 1.5
    with torch.no_grad():
        expected = torch.nn.Sequential(*layers)(torch.tensor(rows)).numpy()
    np.testing.assert_allclose(Dense([6] * 6, names)(rows, flatten(layers)), expected, atol=1e-6)


def run(network, rows, held_out, *, epochs=50, rate=1e-2, patience=3, largest=16):
    return train(
        network, rows, held_out, lambda batch: batch, torch.Generator().manual_seed(0),
        Training(16, largest, learning_rate=rate, patience=patience), epochs=epochs, stage="s",
    )  # fmt: skip


def test_training_stops_early_and_keeps_the_best(monkeypatch):
    network = Layer(3, 3, "linear", np.random.default_rng(0))
    errors, weights = [3.0, 2.0, 1.0, 1.5, 1.0, 0.5], []

    def scripted(network, rows):
        weights.append(network.weight.detach().clone())
        return errors[len(weights) - 1]

    monkeypatch.setattr("outcrop.nn.train._error", scripted)
    history = run(network, torch.tensor(some_rows(64, 3)), torch.zeros((5, 3)), patience=2)
    # The fifth is no better than the third, and the sixth is not tried.
    assert [entry["held_out"] for entry in history] == errors[:5]
    assert torch.equal(network.weight, weights[2])
    assert not torch.equal(weights[2], weights[4])


def test_batches_grow_where_nothing_gets_better(monkeypatch):
    network = Layer(3, 3, "linear", np.random.default_rng(0))
    errors, sizes = iter([3.0, 3.0, 2.0, 2.5, 2.5, 2.5, 1.0]), []

    def epoch(network, rows, corrupt, generator, size, optimizer):
        sizes.append(size)
        return 0.0

    monkeypatch.setattr("outcrop.nn.train._epoch", epoch)
    monkeypatch.setattr("outcrop.nn.train._error", lambda network, rows: next(errors))
    run(network, torch.tensor(some_rows(64, 3)), torch.zeros((5, 3)), patience=2, largest=48)
    # Doubled once, then to the largest; two epochs with that without a better loss are the end.
    assert sizes == [16, 16, 32, 32, 48, 48]


def test_held_out_error_is_the_mean_square():
    network = Layer(2, 2, "linear", np.random.default_rng(0))
    held_out = torch.tensor(some_rows(9, 2))
    (entry,) = run(network, torch.tensor(some_rows(64, 2)), held_out, epochs=1, rate=0.0)
    expected = np.mean((network(held_out) - held_out).detach().numpy() ** 2)
    assert entry["held_out"] == pytest.approx(expected)


def test_training_without_held_out_rows_runs_all_epochs():
    network = Layer(3, 3, "linear", np.random.default_rng(0))
    history = run(network, torch.tensor(some_rows(64, 3)), torch.empty((0, 3)), epochs=60)
    assert len(history) == 60
    assert all(entry["held_out"] is None for entry in history)
    assert history[-1]["loss"] < 0.05 * history[0]["loss"]


def test_corruption_by_noise_and_masking():
    draws = torch.Generator().manual_seed(0)
    batch = torch.full((1000, 20), 3.0)
    noisy = greedy._corruption(0.5, 0.0, draws)(batch)
    assert float((noisy - batch).std()) == pytest.approx(0.5, rel=0.02)
    masked = greedy._corruption(0.0, 0.25, draws)(batch)
    assert float((masked == 0).float().mean()) == pytest.approx(0.25, abs=0.02)
    assert set(masked.unique().tolist()) == {0.0, 3.0}
    assert greedy._corruption(0.0, 0.0, draws)(batch) is batch


def test_greedy_trains_layer_by_layer_and_then_the_whole(monkeypatch):
    trained = []

    def watched(network, rows, held_out, corrupt, generator, how, *, epochs, stage):
        widths = [(part.weight.shape[0], part.weight.shape[1]) for part in network]
        kinds = [type(part.activation).__name__ for part in network]
        trained.append((stage, epochs, len(rows), len(held_out), widths, kinds))
        noise = corrupt(torch.zeros(4000, rows.shape[1])).std() / rows.std()
        assert float(noise) == pytest.approx(0.1 if stage != "whole" else 0, rel=0.05)
        return []

    monkeypatch.setattr(greedy, "train", watched)
    weights, _ = greedy.train_encoder(
        some_rows(200), (6, 5, 4, 2), "tanh", np.random.default_rng(0), noise=0.1, masking=0.0,
        pretrain_epochs=7, epochs=9, batch_size=32, largest_batch=64, learning_rate=1e-3,
        held_out=0.1, patience=3, device="cpu",
    )  # fmt: skip
    assert trained == [
        ("layer 1", 7, 180, 20, [(6, 5), (5, 6)], ["Tanh", "Identity"]),
        ("layer 2", 7, 180, 20, [(5, 4), (4, 5)], ["Tanh", "Tanh"]),
        ("layer 3", 7, 180, 20, [(4, 2), (2, 4)], ["Identity", "Tanh"]),
        (
            "whole", 9, 180, 20,
            [(6, 5), (5, 4), (4, 2), (2, 4), (4, 5), (5, 6)],
            ["Tanh", "Tanh", "Identity", "Tanh", "Tanh", "Identity"],
        ),
    ]  # fmt: skip
    assert len(weights) == 7 * 5 + 6 * 4 + 5 * 2


def codes_of(device="cpu", threads=1):
    rows = some_rows(8000) * np.array([3, 2, 1, 1, 0.5, 0.5], np.float32)
    reducer = StackedAutoencoder(
        layers=(64,), n_components=2, epochs=10, batch_size=4000, device=device, random_state=0
    )
    with limited_threads(threads):
        return reducer.fit_transform(rows)


@pytest.mark.parametrize(("device", "threads"), [("cpu", 2), ("cuda", 1)])
def test_another_device_or_number_of_threads_trains_to_the_same_codes(device, threads):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    # In float32 these few steps part them by 1e-6 already.
    np.testing.assert_allclose(codes_of(device, threads), codes_of(), rtol=0, atol=2e-7)


def test_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    for name in ("cuda", "abacus"):
        with pytest.raises(InputError, match=f"device '{name}' is not there; .* auto or .*: cpu"):
            resolve_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
