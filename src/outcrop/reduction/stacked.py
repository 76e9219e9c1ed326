"""Stacked autoencoders: the classical one, and the three in a row of Nagar et al. (2024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from outcrop.errors import InputError, unknown_name
from outcrop.estimator import in_batches
from outcrop.reduction.base import NetworkReducer
from outcrop.reduction.dense import Dense, Floats, autoencoder, check_activations

DESIGNS = ("greedy", "nagar2024")


@dataclass(frozen=True)
class Stage:
    """One of the autoencoders of Nagar et al. (2024), and how long it is trained.

    ``used`` is the number of its layers whose output is handed on: all of the first (its
    reconstruction), up to the first 5-unit layer of the second, up to the code of the third.
    """

    hidden: tuple[int, ...]
    used: int
    epochs: int
    batch_size: int


NAGAR2024 = (
    Stage((6, 4, 2, 4, 6), used=6, epochs=10, batch_size=64),
    Stage((10, 5, 2, 5, 10), used=2, epochs=5, batch_size=32),
    Stage((15, 10, 5, 2, 5, 10, 15), used=4, epochs=5, batch_size=16),
)


class StackedAutoencoder(NetworkReducer):
    """A deep code, learnt in steps.

    ``design="greedy"`` is the classical stacked denoising autoencoder (Vincent et al. 2010):
    layer after layer learns to restore its input from a corrupted copy, then the whole is
    trained together; code and output are linear. Columns are centred and divided by one
    number, their root mean variance, so that any scale will do and the bands keep the weight
    that the preprocessing gave them.

    ``design="nagar2024"`` is the stack of Nagar et al. (2024), three autoencoders in a row
    (`NAGAR2024`), the second and third on [what the one before hands on | its input]. It is
    fixed but for ``whiten`` and ``random_state``, and expects columns scaled to 0-1; loss,
    start and optimiser are those of `Autoencoder`.

    Parameters
    ----------
    design : {"greedy", "nagar2024"}, default "greedy"
    layers : sequence of int, default (32, 16)
        Units of the layers between columns and code, for each side.
    n_components : int, default 3
        Units of the code; at most as many as there are columns are used.
    activation : str, default "tanh"
        Of the layers other than code and output. Smooth, and bounded, so that a few very
        bright pixels cannot stretch the code.
    noise : float, default 0.1
        Gaussian corruption in pre-training: its standard deviation as a part of the input's.
    masking : float, default 0.0
        Part of the inputs set to zero in pre-training.
    pretrain_epochs, epochs : int, default 5, 30
        The most epochs for each layer, and for the whole.
    batch_size : int, default 1024
        Rows a step.
    largest_batch : int or None
        The batch is doubled, up to so many rows, whenever held-out rows are restored hardly
        better; None leaves it as it is.
    learning_rate : float, default 2e-3
        Of Adam.
    held_out : float, default 0.1
        Part of the rows kept aside; a training stops when these no longer improve, and goes
        back to its best weights.
    patience : int, default 3
        Epochs without improvement before it stops.
    whiten : bool or None
        Rotate and scale the code to zero mean and identity covariance on the rows of the fit.
        None is what the design does: greedy whitens, nagar2024 doesn't.
    device : {"cpu", "cuda", "mps", "auto"}, default "cpu"
        Where the greedy design is trained; applying it is on the CPU.
    random_state : int or None
        Seed of weights, order, corruption and held-out rows.

    Attributes
    ----------
    history_ : list of dict
        ``stage`` ("layer 1", ... and "whole", or "stack 1" to "stack 3"), ``epoch``, ``loss``
        (of the corrupted rows in pre-training; penalty included in nagar2024) and
        ``held_out``.
    n_components_ : int
        Units of the code.

    Notes
    -----
    For the other fitted attributes see `NetworkReducer`.
    """

    _least: ClassVar[Mapping[str, int]] = {"pretrain_epochs": 0, "patience": 0}

    def __init__(
        self,
        design: str = "greedy",
        layers: Sequence[int] = (32, 16),
        n_components: int = 3,
        activation: str = "tanh",
        noise: float = 0.1,
        masking: float = 0.0,
        pretrain_epochs: int = 5,
        epochs: int = 30,
        batch_size: int = 1024,
        largest_batch: int | None = None,
        learning_rate: float = 2e-3,
        held_out: float = 0.1,
        patience: int = 3,
        whiten: bool | None = None,
        device: str = "cpu",
        random_state: int | None = None,
    ) -> None:
        self.design = design
        self.layers = layers
        self.n_components = n_components
        self.activation = activation
        self.noise = noise
        self.masking = masking
        self.pretrain_epochs = pretrain_epochs
        self.epochs = epochs
        self.batch_size = batch_size
        self.largest_batch = largest_batch
        self.learning_rate = learning_rate
        self.held_out = held_out
        self.patience = patience
        self.whiten = whiten
        self.device = device
        self.random_state = random_state

    def _fit(self, rows: Floats) -> None:
        greedy = self.design == "greedy"
        rng = np.random.default_rng(self.random_state)
        trained = self._fit_greedy(rows, rng) if greedy else self._fit_nagar2024(rows, rng)
        self._keep(rows, trained, greedy if self.whiten is None else self.whiten)

    def _fit_greedy(self, rows: Floats, rng: np.random.Generator) -> list[tuple[Dense, Floats]]:
        from outcrop.nn import greedy

        self.input_mean_ = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = rows - self.input_mean_
        spread = np.sqrt(np.square(centred, dtype=np.float64).mean())
        self.input_scale_ = np.asarray(spread or 1.0, np.float32)
        n_code = min(self.n_components, rows.shape[1])
        widths = [rows.shape[1], *self.layers, n_code]
        weights, self.history_ = greedy.train_encoder(
            centred / self.input_scale_,
            widths,
            self.activation,
            rng,
            noise=self.noise,
            masking=self.masking,
            pretrain_epochs=self.pretrain_epochs,
            epochs=self.epochs,
            batch_size=self.batch_size,
            largest_batch=self.largest_batch or self.batch_size,
            learning_rate=self.learning_rate,
            held_out=self.held_out,
            patience=self.patience,
            device=self.device,
        )
        return [(Dense(widths, [self.activation] * len(self.layers) + ["linear"]), weights)]

    def _check_own(self) -> None:
        if self.design not in DESIGNS:
            raise InputError(unknown_name("design", self.design, DESIGNS))
        check_activations(self.activation)
        if self.largest_batch is not None and self.largest_batch < self.batch_size:
            raise InputError(
                f"largest_batch is {self.largest_batch} and batch_size {self.batch_size}; it must "
                "be as large, or None for batches that do not grow"
            )
        for name in ("masking", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be 0 or more, under 1")

    def _fit_nagar2024(self, rows: Floats, rng: np.random.Generator) -> list[tuple[Dense, Floats]]:
        from outcrop.nn import small

        self.input_mean_ = np.zeros(rows.shape[1], np.float32)
        self.input_scale_ = np.ones((), np.float32)
        self.history_ = []
        trained: list[tuple[Dense, Floats]] = []
        for number, stage in enumerate(NAGAR2024, 1):
            net = autoencoder(rows.shape[1], stage.hidden, "selu", "sigmoid")
            weights, history = small.train(
                rows,
                net.widths,
                net.activations,
                rng,
                epochs=stage.epochs,
                batch_size=stage.batch_size,
                penalty=1e-4,
                learning_rate=1e-3,
                stage=f"stack {number}",
            )
            self.history_ += history
            used = net.first(stage.used)
            trained.append((used, weights[: used.size]))
            rows = np.hstack([_outputs(trained[-1], rows), rows])
        return trained


def _outputs(trained: tuple[Dense, Floats], rows: Floats) -> Floats:
    net, weights = trained
    return in_batches(lambda batch: net(batch, weights), rows, net.widths[-1])
