"""The canonical autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outcrop.errors import InputError
from outcrop.reduction.base import NetworkReducer
from outcrop.reduction.dense import Floats, autoencoder, check_activations


class Autoencoder(NetworkReducer):
    """A small dense network that gives back its input through a narrow layer, the code.

    With its defaults the canonical autoencoder of Nagar et al. (2024). It expects columns
    scaled to 0-1, since its output is a sigmoid; that output, as wide as the input, comes
    after the hidden layers. The loss is the mean squared error plus an L1 penalty on the
    output of every layer (summed over units, averaged over the batch); weights start
    Glorot-uniform, biases at zero, and Adam is Keras's (epsilon 1e-7).

    Parameters
    ----------
    hidden : sequence of int, default (6, 4, 2, 4, 6)
        Units of the hidden layers. The first of the narrowest is the code.
    activation, output : str, default "selu", "sigmoid"
        Of the hidden layers and of the output: linear, selu, sigmoid, tanh or elu.
    penalty : float, default 1e-4
        Weight of the activity penalty.
    learning_rate : float, default 1e-3
        Of Adam.
    epochs : int, default 10
        Passes over the rows, each in a new order.
    batch_size : int, default 64
        Rows a step; the last, incomplete batch counts too.
    whiten : bool, default False
        Rotate and scale the code to zero mean and identity covariance on the rows of the fit.
    random_state : int or None
        Seed of weights and order.

    Attributes
    ----------
    history_ : list of dict
        ``stage``, ``epoch``, ``loss`` (penalty included) and ``held_out`` (None).
    n_components_ : int
        Units of the code.

    Notes
    -----
    For the other fitted attributes see `NetworkReducer`.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (6, 4, 2, 4, 6),
        activation: str = "selu",
        output: str = "sigmoid",
        penalty: float = 1e-4,
        learning_rate: float = 1e-3,
        epochs: int = 10,
        batch_size: int = 64,
        whiten: bool = False,
        random_state: int | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.output = output
        self.penalty = penalty
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.whiten = whiten
        self.random_state = random_state

    def _check_own(self) -> None:
        if not self.hidden:
            raise InputError(
                f"hidden is {self.hidden}; give at least one layer of units, as in (6, 4, 2, 4, 6)"
            )
        check_activations(self.activation, self.output)

    def _fit(self, rows: Floats) -> None:
        from outcrop.nn import small

        hidden = list(self.hidden)
        net = autoencoder(rows.shape[1], hidden, self.activation, self.output)
        weights, self.history_ = small.train(
            rows,
            net.widths,
            net.activations,
            np.random.default_rng(self.random_state),
            epochs=self.epochs,
            batch_size=self.batch_size,
            penalty=self.penalty,
            learning_rate=self.learning_rate,
            stage="autoencoder",
        )
        self.input_mean_ = np.zeros(rows.shape[1], np.float32)
        self.input_scale_ = np.ones((), np.float32)
        encoder = net.first(hidden.index(min(hidden)) + 1)
        self._keep(rows, [(encoder, weights)], self.whiten)
