"""A compiled trainer for narrow autoencoders in small batches.

With a dozen units a layer and 16 rows a batch, a step of torch is nearly all dispatch; one
loop in numba over forward pass, back-propagation and Adam takes a tenth of the time or less.
It is what trains the networks of Nagar et al. (2024) at their own batch sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numba
import numpy as np
from numpy.typing import NDArray

from outcrop.nn.initial import glorot

Floats = NDArray[np.float32]

#: Activations that the compiled loops know, by their place in this tuple.
KINDS = ("linear", "selu", "sigmoid", "tanh", "elu")
SELU_SCALE = np.float32(1.0507009873554805)
SELU_ALPHA = np.float32(1.6732632423543772)
# Keras's Adam, which the published networks were trained with.
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-7


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba, without the cache on disk where no folder for it can be written.

    Not with ``fastmath``: a process that compiled the loops and one that found them in the
    cache then rounded differently, and the same seed gave two models.
    """
    try:
        compiled = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        compiled = numba.njit(nogil=True)(function)
    return cast(Callable[..., Any], compiled)


@_compiled
def _activate(z: Any, kind: int) -> Any:
    if kind == 1:
        return SELU_SCALE * (z if z > 0 else SELU_ALPHA * np.expm1(z))
    if kind == 2:
        return np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * z)
    if kind == 3:
        return np.tanh(z)
    if kind == 4:
        return z if z > 0 else np.expm1(z)
    return z


@_compiled
def _slope(a: Any, kind: int) -> Any:
    """Return the derivative of an activation where its value is ``a``."""
    one = np.float32(1)
    if kind == 1:
        return SELU_SCALE if a > 0 else a + SELU_SCALE * SELU_ALPHA
    if kind == 2:
        return a * (one - a)
    if kind == 3:
        return one - a * a
    if kind == 4:
        return one if a > 0 else a + one
    return one


# `values` and `deltas` are (layer, unit, row): rows innermost, so that the processor's
# vector lanes run over the batch, however narrow the layer is.


@_compiled
def _forward(values: Any, n: int, weights: Any, widths: Any, kinds: Any) -> None:
    offset = 0
    for layer in range(len(kinds)):
        n_in, n_out = widths[layer], widths[layer + 1]
        bias = offset + n_in * n_out
        for o in range(n_out):
            for r in range(n):
                values[layer + 1, o, r] = weights[bias + o]
            for i in range(n_in):
                w = weights[offset + i * n_out + o]
                for r in range(n):
                    values[layer + 1, o, r] += w * values[layer, i, r]
            for r in range(n):
                values[layer + 1, o, r] = _activate(values[layer + 1, o, r], kinds[layer])
        offset = bias + n_out


@_compiled
def _loss(values: Any, deltas: Any, n: int, widths: Any, penalty: float) -> Any:
    """Return the loss, and leave its derivative by the outputs in the last of `deltas`."""
    last, n_out = len(widths) - 1, widths[-1]
    error, absolute = 0.0, 0.0
    for o in range(n_out):
        for r in range(n):
            difference = values[last, o, r] - values[0, o, r]
            error += difference * difference
            deltas[last, o, r] = difference * np.float32(2.0 / (n * n_out))
    for layer in range(1, last + 1):
        for o in range(widths[layer]):
            for r in range(n):
                absolute += abs(values[layer, o, r])
    return error / (n * n_out) + penalty * absolute / n


@_compiled
def _backward(
    values: Any,
    deltas: Any,
    n: int,
    weights: Any,
    widths: Any,
    kinds: Any,
    penalty: Any,
    slope: Any,
) -> None:
    push = np.float32(penalty / n)
    end = len(weights)
    for layer in range(len(kinds) - 1, -1, -1):
        n_in, n_out = widths[layer], widths[layer + 1]
        bias = end - n_out
        offset = bias - n_in * n_out
        for o in range(n_out):
            total = np.float32(0)
            for r in range(n):
                a = values[layer + 1, o, r]
                deltas[layer + 1, o, r] += push * np.sign(a)
                deltas[layer + 1, o, r] *= _slope(a, kinds[layer])
                total += deltas[layer + 1, o, r]
            slope[bias + o] = total
        for i in range(n_in):
            for r in range(n):
                deltas[layer, i, r] = 0
            for o in range(n_out):
                w = weights[offset + i * n_out + o]
                total = np.float32(0)
                for r in range(n):
                    total += values[layer, i, r] * deltas[layer + 1, o, r]
                    deltas[layer, i, r] += w * deltas[layer + 1, o, r]
                slope[offset + i * n_out + o] = total
        end = offset


@_compiled
def _adam(weights: Any, slope: Any, moments: Any, step: int, rate: float) -> None:
    pace = np.float32(rate * np.sqrt(1 - BETA2**step) / (1 - BETA1**step))
    b1, b2, tiny = np.float32(BETA1), np.float32(BETA2), np.float32(EPSILON)
    one = np.float32(1)
    for p in range(len(weights)):
        moments[0, p] += (one - b1) * (slope[p] - moments[0, p])
        moments[1, p] += (one - b2) * (slope[p] * slope[p] - moments[1, p])
        weights[p] -= pace * moments[0, p] / (np.sqrt(moments[1, p]) + tiny)


@_compiled
def _epoch(
    rows: Any, order: Any, size: int, weights: Any, moments: Any, step: int,
    widths: Any, kinds: Any, penalty: float, rate: float,
) -> tuple[float, int]:  # fmt: skip
    values = np.empty((len(widths), widths.max(), size), np.float32)
    deltas = np.empty_like(values)
    slope = np.empty_like(weights)
    total = 0.0
    for start in range(0, len(order), size):
        n = min(size, len(order) - start)
        for r in range(n):
            for i in range(widths[0]):
                values[0, i, r] = rows[order[start + r], i]
        _forward(values, n, weights, widths, kinds)
        total += n * _loss(values, deltas, n, widths, penalty)
        _backward(values, deltas, n, weights, widths, kinds, penalty, slope)
        step += 1
        _adam(weights, slope, moments, step, rate)
    return total / len(order), step


def loss_and_gradient(
    rows: Floats, weights: Floats, widths: Sequence[int], activations: Sequence[str], penalty: float
) -> tuple[float, Floats]:
    """Return the loss of one batch and its derivative by every weight.

    The loss is the squared error of the reconstruction, averaged over rows and columns, plus
    ``penalty`` times the absolute outputs of all layers, summed over units and averaged over
    rows (as Keras does for an L1 activity regulariser on every layer).

    Parameters
    ----------
    rows : ndarray of float32, shape (n, widths[0])
        The batch, which is also what should come out.
    weights : ndarray of float32, shape (p,)
        In the layout of `glorot`.
    widths : sequence of int
        Units of each layer, the input included; the last equals the first.
    activations : sequence of str
        One of `KINDS` for each layer after the input.
    penalty : float
        Weight of the activity penalty.

    Returns
    -------
    loss : float
    gradient : ndarray of float32, shape (p,)
    """
    shape, kinds = _layout(widths, activations)
    values = np.empty((len(widths), max(widths), len(rows)), np.float32)
    deltas, gradient = np.empty_like(values), np.empty_like(weights)
    values[0, : widths[0]] = rows.T
    _forward(values, len(rows), weights, shape, kinds)
    loss = _loss(values, deltas, len(rows), shape, penalty)
    _backward(values, deltas, len(rows), weights, shape, kinds, penalty, gradient)
    return float(loss), gradient


def train(
    rows: Floats,
    widths: Sequence[int],
    activations: Sequence[str],
    rng: np.random.Generator,
    *,
    epochs: int,
    batch_size: int,
    penalty: float,
    learning_rate: float,
    stage: str,
) -> tuple[Floats, list[dict[str, Any]]]:
    """Train an autoencoder from random weights.

    Every epoch visits all rows in a new order; the last batch may be smaller. Adam (Kingma &
    Ba 2015) in Keras's form. For loss, layout and the other arguments see
    `loss_and_gradient`.

    Returns
    -------
    weights : ndarray of float32, shape (p,)
    history : list of dict
        ``stage``, ``epoch`` (from 1), ``loss`` (mean over the rows as they were visited) and
        ``held_out`` (None: this trainer holds nothing out).
    """
    shape, kinds = _layout(widths, activations)
    rows = np.ascontiguousarray(rows, np.float32)
    weights = glorot(widths, rng)
    moments = np.zeros((2, len(weights)), np.float32)
    history, step = [], 0
    for epoch in range(1, epochs + 1):
        order = rng.permutation(len(rows))
        loss, step = _epoch(
            rows, order, batch_size, weights, moments, step, shape, kinds, penalty, learning_rate
        )
        history.append({"stage": stage, "epoch": epoch, "loss": float(loss), "held_out": None})
    return weights, history


def _layout(
    widths: Sequence[int], activations: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    kinds = [KINDS.index(name) for name in activations]
    return np.asarray(widths, np.int64), np.asarray(kinds, np.int64)
