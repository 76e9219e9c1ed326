"""The training loop of networks in torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from outcrop.engine import threads_allowed
from outcrop.errors import InputError

#: Part of the held-out loss that an epoch must gain for batches to stay as they are.
GAIN = 0.005

Corruption = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    batch_size : int
        Rows a step; the last batch of an epoch may be smaller.
    largest_batch : int
        After an epoch that brings the loss on the held-out rows down by less than `GAIN` of it
        the batch is doubled, until it is so large; only then is patience called for. It does
        what a smaller learning rate would, in fewer steps (Smith et al. 2018).
    learning_rate : float
        Of Adam (Kingma & Ba 2015).
    patience : int
        Epochs without a better loss on the held-out rows after which to stop.
    """

    batch_size: int
    largest_batch: int
    learning_rate: float
    patience: int


@contextmanager
def allowed_threads() -> Iterator[None]:
    """Use as many threads as the engine allows, and give torch its own number back."""
    before, allowed = torch.get_num_threads(), threads_allowed()
    torch.set_num_threads(allowed or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def resolve_device(name: str) -> torch.device:
    """Return the device of that name; ``"auto"`` is the first of CUDA, MPS and CPU there is.

    Raises
    ------
    InputError
        If it is unknown or not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    usable = [device for device, found in there.items() if found]
    if name == "auto":
        return torch.device(usable[0])
    if name not in usable:
        raise InputError(
            f"device {name!r} is not there; choose auto or one of: {', '.join(usable)}"
        )
    return torch.device(name)


def train(
    network: torch.nn.Module,
    rows: torch.Tensor,
    held_out: torch.Tensor,
    corrupt: Corruption,
    generator: torch.Generator,
    how: Training,
    *,
    epochs: int,
    stage: str,
) -> list[dict[str, Any]]:
    """Train a network to give back its input, and leave it with its best weights.

    Parameters
    ----------
    network : Module
        Already on the device of the rows.
    rows, held_out : Tensor, shape (n, columns), (m, columns)
        To train on, and to judge on; without held-out rows training never stops early.
    corrupt : callable
        Applied to each batch before the network sees it; what should come out is clean.
    generator : Generator
        On the CPU; it orders the rows.
    how : Training
        Steps, rate and patience.
    epochs : int
        The most epochs.
    stage : str
        Name of this training in the history.

    Returns
    -------
    list of dict
        ``stage``, ``epoch`` (from 1), ``loss`` (mean over the rows as they were visited) and
        ``held_out`` (mean squared error of the clean held-out rows, or None).
    """
    optimizer = torch.optim.Adam(
        network.parameters(), how.learning_rate, fused=rows.device.type != "mps"
    )
    history: list[dict[str, Any]] = []
    best, since, size, kept = float("inf"), 0, how.batch_size, _copy(network)
    for epoch in range(1, epochs + 1):
        loss = _epoch(network, rows, corrupt, generator, size, optimizer)
        judged = _error(network, held_out) if len(held_out) else None
        history.append({"stage": stage, "epoch": epoch, "loss": loss, "held_out": judged})
        stalls = judged is not None and judged > (1 - GAIN) * best
        if judged is None or judged < best:
            best, since, kept = judged or best, 0, _copy(network)
        elif size == how.largest_batch:
            since += 1
        if stalls:
            size = min(2 * size, how.largest_batch)
        if since >= how.patience:
            break
    network.load_state_dict(kept)
    return history


def _epoch(
    network: torch.nn.Module,
    rows: torch.Tensor,
    corrupt: Corruption,
    generator: torch.Generator,
    batch_size: int,
    optimizer: torch.optim.Optimizer,
) -> float:
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    total = torch.zeros((), device=rows.device)
    # Gathered once an epoch, then sliced: cheaper than gathering batch by batch.
    for batch in torch.split(rows[order], batch_size):
        loss = torch.nn.functional.mse_loss(network(corrupt(batch)), batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach() * len(batch)
    return float(total) / len(rows)


@torch.no_grad()
def _error(network: torch.nn.Module, rows: torch.Tensor) -> float:
    return float(torch.nn.functional.mse_loss(network(rows), rows))


def _copy(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
