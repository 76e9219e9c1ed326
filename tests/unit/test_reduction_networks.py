"""The autoencoders: their shapes, how they are wired, and what their codes are like."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

from outcrop.errors import InputError
from outcrop.nn import greedy, small
from outcrop.nn.initial import glorot
from outcrop.reduction.autoencoder import Autoencoder
from outcrop.reduction.dense import ACTIVATIONS, Dense, autoencoder
from outcrop.reduction.stacked import NAGAR2024, StackedAutoencoder

QUICK = {"pretrain_epochs": 2, "epochs": 3, "random_state": 0}


def curved(n=2000, seed=0):
    """Six bands in 0-1 on a curved surface of two dimensions, with a little noise."""
    rng = np.random.default_rng(seed)
    u, v = rng.random((2, n))
    bands = [u, v, u * v, np.sqrt(u), (1 - v) ** 2, (u + v) / 2]
    return (np.stack(bands, axis=1) + 0.01 * rng.normal(size=(n, 6))).clip(0, 1).astype("f4")


def selu(z):
    return np.where(z > 0, 1.05070098 * z, 1.05070098 * 1.67326324 * np.expm1(np.minimum(z, 0)))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(
    ("n_columns", "hidden", "widths", "size"),
    [
        (6, (6, 4, 2, 4, 6), [6, 6, 4, 2, 4, 6, 6], 42 + 28 + 10 + 12 + 30 + 42),
        (12, (10, 5, 2, 5, 10), [12, 10, 5, 2, 5, 10, 12], 130 + 55 + 12 + 15 + 60 + 132),
        (17, (15, 10, 5, 2, 5, 10, 15), [17, 15, 10, 5, 2, 5, 10, 15, 17],
         270 + 160 + 55 + 12 + 15 + 60 + 165 + 272),
    ],
)  # fmt: skip
def test_widths_and_weights_for_six_bands(n_columns, hidden, widths, size):
    net = autoencoder(n_columns, hidden, "selu", "sigmoid")
    assert net.widths == widths
    assert net.activations == ["selu"] * len(hidden) + ["sigmoid"]
    assert net.size == size == len(glorot(widths, np.random.default_rng(0)))


def test_defaults_are_those_of_the_paper():
    assert Autoencoder().get_params() == {
        "hidden": (6, 4, 2, 4, 6), "activation": "selu", "output": "sigmoid", "penalty": 1e-4,
        "learning_rate": 1e-3, "epochs": 10, "batch_size": 64, "whiten": False,
        "random_state": None,
    }  # fmt: skip
    assert [(s.hidden, s.used, s.epochs, s.batch_size) for s in NAGAR2024] == [
        ((6, 4, 2, 4, 6), 6, 10, 64),
        ((10, 5, 2, 5, 10), 2, 5, 32),
        ((15, 10, 5, 2, 5, 10, 15), 4, 5, 16),
    ]


def test_dense_forward_by_hand():
    net = Dense((2, 2, 1), ("selu", "sigmoid"))
    weights = np.array([1, -1, 2, 0.5, 0.1, -0.2, 3, -2, 0.25], np.float32)
    rows = np.array([[0.5, 0.25], [-1, 0]], np.float32)
    hidden = selu(rows @ np.array([[1, -1], [2, 0.5]]) + [0.1, -0.2])
    expected = sigmoid(hidden @ np.array([[3], [-2]]) + 0.25)
    np.testing.assert_allclose(net(rows, weights), expected, rtol=1e-6)
    np.testing.assert_allclose(net.first(1)(rows, weights), hidden, rtol=1e-6)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_take_large_inputs_without_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = ACTIVATIONS[name](np.array([-1e30, -100, -1e-4, 0, 1e-4, 100, 1e30], np.float32))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert (np.diff(values) >= 0).all()
    assert values[3] == (0.5 if name == "sigmoid" else 0)


def test_autoencoder_keeps_the_layers_up_to_the_code(monkeypatch):
    seen = {}

    def watched(rows, widths, activations, rng, **settings):
        seen.update(settings, widths=widths)
        return glorot(widths, rng), []

    monkeypatch.setattr(small, "train", watched)
    rows = curved()
    fitted = Autoencoder(random_state=3).fit(rows)
    assert seen == {
        "widths": [6, 6, 4, 2, 4, 6, 6], "epochs": 10, "batch_size": 64, "penalty": 1e-4,
        "learning_rate": 1e-3, "stage": "autoencoder",
    }  # fmt: skip
    weights = glorot(seen["widths"], np.random.default_rng(3))
    assert len(fitted.weights_) == 42 + 28 + 10
    first, second, code = (part[:2] for part in Dense([6, 6, 4, 2], ["selu"] * 3).layers(weights))
    expected = rows
    for matrix, biases in (first, second, code):
        expected = selu(expected @ matrix + biases)
    np.testing.assert_allclose(fitted.transform(rows), expected, atol=1e-5)


def stack_by_hand(rows, nets):
    """Code of three networks, each a list of (weights, biases), wired as the paper says."""
    r = rows.astype(np.float64)
    for matrix, biases in nets[0][:-1]:
        r = selu(r @ matrix + biases)
    bands_twice = np.hstack([sigmoid(r @ nets[0][-1][0] + nets[0][-1][1]), rows])
    five = bands_twice
    for matrix, biases in nets[1][:2]:
        five = selu(five @ matrix + biases)
    code = np.hstack([five, bands_twice])
    for matrix, biases in nets[2][:4]:
        code = selu(code @ matrix + biases)
    return code


def random_net(widths, rng):
    return [(rng.normal(size=(a, b)) / np.sqrt(a), 0.1 * rng.normal(size=b))
            for a, b in pairwise(widths)]  # fmt: skip


def test_stack_of_known_weights():
    rng = np.random.default_rng(0)
    nets = [random_net([6, 6, 4, 2, 4, 6, 6], rng), random_net([12, 10, 5], rng),
            random_net([17, 15, 10, 5, 2], rng)]  # fmt: skip
    flat = [part.ravel() for net in nets for layer in net for part in layer]
    facts = {
        "params": {"design": "nagar2024"}, "n_features_in_": 6, "n_components_": 2, "history_": [],
        "nets_": [
            {"widths": [6, 6, 4, 2, 4, 6, 6], "activations": ["selu"] * 5 + ["sigmoid"]},
            {"widths": [12, 10, 5], "activations": ["selu"] * 2},
            {"widths": [17, 15, 10, 5, 2], "activations": ["selu"] * 4},
        ],
    }  # fmt: skip
    arrays = {
        "weights_": np.concatenate(flat).astype(np.float32),
        "input_mean_": np.zeros(6, np.float32),
        "input_scale_": np.ones((), np.float32),
    }
    stack = StackedAutoencoder.from_state(facts, arrays)
    np.testing.assert_allclose(
        stack.transform(curved(50)), stack_by_hand(curved(50), nets), atol=1e-5
    )


def test_stack_is_trained_on_what_it_is_applied_to(monkeypatch):
    calls = []

    def watched(rows, widths, activations, rng, **settings):
        calls.append((rows, widths, activations, settings))
        return glorot(widths, np.random.default_rng(len(calls))), [{"stage": settings["stage"]}]

    monkeypatch.setattr(small, "train", watched)
    rows = curved(100)
    fitted = StackedAutoencoder("nagar2024").fit(rows)
    assert [call[1] for call in calls] == [
        [6, 6, 4, 2, 4, 6, 6], [12, 10, 5, 2, 5, 10, 12], [17, 15, 10, 5, 2, 5, 10, 15, 17],
    ]  # fmt: skip
    assert [(c[3]["epochs"], c[3]["batch_size"]) for c in calls] == [(10, 64), (5, 32), (5, 16)]
    assert {(c[3]["penalty"], c[3]["learning_rate"]) for c in calls} == {(1e-4, 1e-3)}
    assert all(c[2] == ["selu"] * (len(c[1]) - 2) + ["sigmoid"] for c in calls)
    assert [entry["stage"] for entry in fitted.history_] == ["stack 1", "stack 2", "stack 3"]
    nets = [
        [part[:2] for part in Dense(w, a).layers(glorot(w, np.random.default_rng(i)))]
        for i, (_, w, a, _) in enumerate(calls, 1)
    ]
    # [five of the second | reconstruction of the first | bands]
    assert calls[2][0].shape == (100, 5 + 6 + 6)
    np.testing.assert_array_equal(calls[2][0][:, 5:], calls[1][0])
    np.testing.assert_array_equal(calls[1][0][:, 6:], calls[0][0])
    np.testing.assert_allclose(fitted.transform(rows), stack_by_hand(rows, nets), atol=1e-5)
    assert not hasattr(fitted, "code_axes_")


def test_training_of_the_paper_s_networks_learns():
    rows = curved()
    history = StackedAutoencoder("nagar2024", random_state=0).fit(rows).history_
    for number, epochs in ((1, 10), (2, 5), (3, 5)):
        losses = [entry["loss"] for entry in history if entry["stage"] == f"stack {number}"]
        assert len(losses) == epochs
        assert losses[-1] < 0.7 * losses[0]


def test_greedy_code_holds_what_there_is():
    rows = curved(4000)
    fitted = StackedAutoencoder(n_components=2, batch_size=128, random_state=0).fit(rows)
    stages = {entry["stage"] for entry in fitted.history_}
    assert stages == {"layer 1", "layer 2", "layer 3", "whole"}
    # The surface has two dimensions; two principal components leave 2% of the variance.
    assert fitted.history_[-1]["held_out"] < 0.012
    assert [entry["epoch"] for entry in fitted.history_][:5] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "reducer",
    [
        StackedAutoencoder(**QUICK),
        StackedAutoencoder("nagar2024", whiten=True, random_state=0),
        Autoencoder(whiten=True, random_state=0),
    ],
    ids=["greedy", "nagar2024", "autoencoder"],
)
def test_whitened_code(reducer):
    rows = curved()
    codes = reducer.fit(rows).transform(rows).astype(np.float64)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(codes.shape[1]), atol=2e-3)


def test_greedy_without_whitening_is_the_raw_code():
    rows = curved()
    raw = StackedAutoencoder(whiten=False, **QUICK).fit(rows)
    white = StackedAutoencoder(**QUICK).fit(rows)
    np.testing.assert_array_equal(raw.weights_, white.weights_)
    np.testing.assert_allclose(
        (raw.transform(rows) - white.code_mean_) @ white.code_axes_,
        white.transform(rows),
        atol=1e-5,
    )


def test_greedy_centres_and_scales_by_one_number(monkeypatch):
    seen = []

    def watched(rows, widths, activation, rng, **settings):
        seen.append(rows)
        return glorot(widths, rng), []

    monkeypatch.setattr(greedy, "train_encoder", watched)
    rows = curved() * np.float32([1, 2, 3, 4, 5, 6]) * 1000 + 7000
    StackedAutoencoder().fit(rows)
    (given,) = seen
    np.testing.assert_allclose(given.mean(axis=0), 0, atol=1e-4)
    assert np.square(given).mean() == pytest.approx(1, rel=1e-4)
    scale = np.sqrt(rows.var(axis=0).mean())
    np.testing.assert_allclose(given.std(axis=0), rows.std(axis=0) / scale, rtol=1e-3)


def test_dead_unit_does_not_become_noise(monkeypatch):
    def dead(rows, widths, activation, rng, **settings):
        weights = glorot(widths, rng)
        (matrix, biases, _) = list(Dense(widths, ["tanh"] * 3).layers(weights))[-1]
        matrix[:, 2] = 0
        biases[2] = 1e-3
        return weights, []

    monkeypatch.setattr(greedy, "train_encoder", dead)
    rows = curved()
    codes = StackedAutoencoder(random_state=0).fit(rows).transform(rows)
    assert codes.std(axis=0)[:2] == pytest.approx(1, rel=1e-2)
    assert np.abs(codes[:, 2]).max() < 1e-2


def test_code_is_no_wider_than_the_columns():
    fitted = StackedAutoencoder(n_components=3, **QUICK).fit(curved()[:, :2])
    assert fitted.n_components_ == 2


def test_layers_may_be_a_list_from_a_recipe():
    rows = curved(200)
    first, second = (StackedAutoencoder(layers=layers, **QUICK).fit(rows) for layers in
                     ([8, 4], (8, 4)))  # fmt: skip
    np.testing.assert_array_equal(first.transform(rows), second.transform(rows))
    assert first.nets_ == [{"widths": [6, 8, 4, 3], "activations": ["tanh", "tanh", "linear"]}]


@pytest.mark.parametrize(
    ("reducer", "message"),
    [
        (Autoencoder(hidden=()), "give at least one layer"),
        (Autoencoder(hidden=(4, 0, 4)), "it must be a list of whole numbers, each 1 or more"),
        (Autoencoder(activation="relu"), "unknown activation 'relu'"),
        (StackedAutoencoder(design="gredy"), "did you mean 'greedy'"),
        (StackedAutoencoder(activation="tan"), "did you mean 'tanh'"),
        (StackedAutoencoder(n_components=0), "n_components = 0; it must be a whole number, 1"),
        (StackedAutoencoder(masking=1.0), "masking is 1.0"),
        (StackedAutoencoder(held_out=-0.1), "held_out = -0.1; it must be a number, 0 or more"),
    ],
)
def test_bad_parameters(reducer, message):
    with pytest.raises(InputError, match=message):
        reducer.fit(curved(50))
