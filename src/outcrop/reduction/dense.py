"""Dense networks as plain NumPy: what applies a trained reducer, without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from outcrop.errors import InputError, unknown_name
from outcrop.rowwise import times

Floats = NDArray[np.float32]

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


def elu(z: Floats) -> Floats:
    """Exponential linear unit (Clevert et al. 2016)."""
    # Of the negative part alone, so that a large positive input does not overflow.
    return np.asarray(np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1), z.dtype)


def selu(z: Floats) -> Floats:
    """Scaled exponential linear unit (Klambauer et al. 2017)."""
    negative = SELU_ALPHA * (np.exp(np.minimum(z, 0)) - 1)
    return np.asarray(SELU_SCALE * np.where(z > 0, z, negative), z.dtype)


def sigmoid(z: Floats) -> Floats:
    """Logistic function, in the form that overflows on neither side."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * z), z.dtype)


def linear(z: Floats) -> Floats:
    """Return the input itself."""
    return z


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "linear": linear,
    "selu": selu,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "elu": elu,
}


@dataclass(frozen=True)
class Dense:
    """The shape of a dense network; its weights are one flat vector, kept apart.

    Parameters
    ----------
    widths : sequence of int
        Units of each layer, the input included.
    activations : sequence of str
        One of `ACTIVATIONS` for each layer after the input.
    """

    widths: Sequence[int]
    activations: Sequence[str]

    @property
    def size(self) -> int:
        """Number of weights and biases."""
        pairs = zip(self.widths[:-1], self.widths[1:], strict=True)
        return sum((n_in + 1) * n_out for n_in, n_out in pairs)

    def layers(self, weights: Floats) -> Iterator[tuple[Floats, Floats, str]]:
        """Yield (in, out) weights, (out,) biases and activation of each layer.

        ``weights`` holds layer after layer, the weights in C order and then the biases.
        """
        end = 0
        for n_in, n_out, name in zip(
            self.widths[:-1], self.widths[1:], self.activations, strict=True
        ):
            start, bias, end = end, end + n_in * n_out, end + (n_in + 1) * n_out
            yield weights[start:bias].reshape(n_in, n_out), weights[bias:end], name

    def __call__(self, rows: Floats, weights: Floats) -> Floats:
        """Return what comes out for rows of shape (n, widths[0]): (n, widths[-1])."""
        for matrix, biases, name in self.layers(weights):
            rows = ACTIVATIONS[name](times(rows, matrix) + biases)
        return rows

    def first(self, n_layers: int) -> Dense:
        """Return the network of the first layers; the head of the same vector fits it."""
        return Dense(self.widths[: n_layers + 1], self.activations[:n_layers])

    def to_facts(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {name: list(value) for name, value in asdict(self).items()}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Restore what `to_facts` returned."""
        return cls(facts["widths"], facts["activations"])


def check_activations(*names: str) -> None:
    """Refuse an activation that is none of `ACTIVATIONS`."""
    for name in names:
        if name not in ACTIVATIONS:
            raise InputError(unknown_name("activation", name, ACTIVATIONS))


def autoencoder(n_columns: int, hidden: Sequence[int], activation: str, output: str) -> Dense:
    """Return the network from the columns through hidden layers back to the columns."""
    widths = [n_columns, *(int(width) for width in hidden), n_columns]
    return Dense(widths, [activation] * len(hidden) + [output])
