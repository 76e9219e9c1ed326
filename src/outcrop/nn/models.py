"""Dense layers in torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from outcrop.nn.initial import glorot

ACTIVATIONS = {
    "linear": torch.nn.Identity,
    "selu": torch.nn.SELU,
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "elu": torch.nn.ELU,
}


class Layer(torch.nn.Module):
    """One dense layer with Glorot-uniform weights and zero biases.

    Parameters
    ----------
    n_in, n_out : int
        Its columns before and after.
    activation : str
        One of `ACTIVATIONS`.
    rng : numpy.random.Generator
        Where the weights come from; `torch.nn.Linear` would draw on torch's global seed.
    """

    def __init__(self, n_in: int, n_out: int, activation: str, rng: np.random.Generator) -> None:
        super().__init__()
        start = torch.from_numpy(glorot((n_in, n_out), rng))
        self.weight = torch.nn.Parameter(start[: n_in * n_out].reshape(n_in, n_out).clone())
        self.bias = torch.nn.Parameter(start[n_in * n_out :].clone())
        self.activation = ACTIVATIONS[activation]()

    def forward(self, rows: torch.Tensor) -> Any:
        """Map rows of shape (n, n_in) to (n, n_out)."""
        return self.activation(torch.addmm(self.bias, rows, self.weight))


def flatten(layers: Iterable[Layer]) -> NDArray[np.float32]:
    """Return the weights of layers in a row, in the layout of `initial.glorot`."""
    parts = [part.detach().cpu().ravel() for layer in layers for part in (layer.weight, layer.bias)]
    return np.asarray(torch.cat(parts).numpy(), np.float32)
