"""The stacked denoising autoencoder: one layer after the other, then the whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from outcrop.nn.models import Layer, flatten
from outcrop.nn.train import Corruption, Training, allowed_threads, resolve_device, train


@allowed_threads()
def train_encoder(
    rows: NDArray[np.float32],
    widths: Sequence[int],
    activation: str,
    rng: np.random.Generator,
    *,
    noise: float,
    masking: float,
    pretrain_epochs: int,
    epochs: int,
    batch_size: int,
    largest_batch: int,
    learning_rate: float,
    held_out: float,
    patience: int,
    device: str,
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """Train an encoder layer by layer and then as a whole (Vincent et al. 2010).

    Each layer is first the middle of an autoencoder of its own, which restores the code of
    the layers below from a corrupted copy; then all encoders and, mirrored, all decoders are
    trained together on clean rows, as Hinton & Salakhutdinov (2006) do. Code and output are
    linear, all other layers have the activation. Computed in float64, but for MPS.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, widths[0])
        Of about unit variance.
    widths : sequence of int
        Units of each encoder layer, the input included; the last is the code.
    activation : str
        One of `models.ACTIVATIONS`.
    rng : numpy.random.Generator
        Seeds everything.
    noise : float
        Standard deviation of the Gaussian corruption, as a part of the input's.
    masking : float
        Part of the inputs set to zero.
    pretrain_epochs, epochs : int
        The most epochs for each layer, and for the whole.
    batch_size, largest_batch, learning_rate, patience
        See `train.Training`.
    held_out : float
        Part of the rows to judge on, for early stopping.
    device : str
        See `train.resolve_device`.

    Returns
    -------
    weights : ndarray of float32
        Of the encoder, in the layout of `initial.glorot`.
    history : list of dict
        See `train.train`; stages are ``"layer 1"``, ... and ``"whole"``.
    """
    where = resolve_device(device)
    # Steps amplify what a device or a number of threads rounds otherwise: in float32 another map
    # comes out, in float64 the same. MPS has float32 alone.
    real = torch.float32 if where.type == "mps" else torch.float64
    order = torch.Generator().manual_seed(int(rng.integers(2**63)))
    # On the CPU wherever the rows are: each device would draw its own corruption.
    draws = torch.Generator().manual_seed(int(rng.integers(2**63)))
    how = Training(batch_size, largest_batch, learning_rate, patience)
    held = rng.permutation(len(rows)) < int(held_out * len(rows))
    seen, judged = (torch.tensor(rows[mask], device=where, dtype=real) for mask in (~held, held))

    encoder: list[Layer] = []
    decoder: list[Layer] = []
    history: list[dict[str, Any]] = []
    below, below_judged = seen, judged
    for depth, (n_in, n_out) in enumerate(pairwise(widths)):
        is_code = depth == len(widths) - 2
        up = Layer(n_in, n_out, "linear" if is_code else activation, rng).to(where, real)
        down = Layer(n_out, n_in, activation if depth else "linear", rng).to(where, real)
        corrupt = _corruption(noise * float(below.std(correction=0)), masking, draws)
        history += train(
            torch.nn.Sequential(up, down), below, below_judged, corrupt, order, how,
            epochs=pretrain_epochs, stage=f"layer {depth + 1}",
        )  # fmt: skip
        with torch.no_grad():
            below, below_judged = up(below), up(below_judged)
        encoder, decoder = [*encoder, up], [down, *decoder]
    whole = torch.nn.Sequential(*encoder, *decoder)
    history += train(
        whole, seen, judged, lambda batch: batch, order, how, epochs=epochs, stage="whole"
    )
    return flatten(encoder), history


def _corruption(deviation: float, masking: float, draws: torch.Generator) -> Corruption:
    """Return a function that adds Gaussian noise and sets inputs to zero, as asked."""

    def corrupt(batch: torch.Tensor) -> torch.Tensor:
        if deviation:
            drawn = torch.randn(batch.shape, generator=draws)
            batch = batch + deviation * drawn.to(batch)
        if masking:
            left = torch.rand(batch.shape, generator=draws) >= masking
            batch = batch * left.to(batch)
        return batch

    return corrupt
