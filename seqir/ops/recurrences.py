"""Recurrent networks as loops, forwards and backwards.

What needs no state leaves the loop: the products of the inputs are one product of
matrices before it, and the gradients of the weights are products behind it. Backwards,
all that the cotangents of the states are multiplied with is computed for all steps at
once, so that a step is one product of matrices and a few sums.

Below, a letter with a dash is the slope of an activation, which is computed from its
result; `p` and `q` are the states before a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqir.ir import Builder
from seqir.operators.gates import Activation
from seqir.operators.linalg import Gemm
from seqir.operators.recurrent import DIRECTIONS, Gru, Lstm, Recurrent, RecurrentGrad
from seqir.ops.apply import apply, as_tuple, value_of
from seqir.ops.arith import less, where
from seqir.ops.bodies import scan
from seqir.ops.convert import cast, zeros_like
from seqir.ops.create import arange, zeros
from seqir.ops.movement import reshape, shape, transpose
from seqir.ops.parts import concatenate, split, stack
from seqir.ops.products import matmul
from seqir.ops.reduce import sum as sum_
from seqir.ops.size import SizeLike
from seqir.ops.tensor import Result, Traced

Tensors = Mapping[str, Result]


def _flag(condition: Result, like: Result) -> Result:
    return cast(condition, like.dtype)


def _call(f: Activation, x: Result) -> Result:
    return f(apply, x)


def _slope(f: Activation, y: Result) -> Result:
    return f.slope(apply, y)


@dataclass(frozen=True)
class _Run:
    """One direction of a network: its operands without the axis of directions."""

    op: Recurrent
    x: Result
    w: Result
    r: Result
    bias: tuple[Result, Result] | None
    """That of the inputs and that of the states."""
    states: dict[str, Result]
    """Those to begin with."""
    mask: Result | None
    """mask[T, N, 1]: which steps are within their sequence; None if all are."""
    reverse: bool

    @property
    def units(self) -> int:
        return shape(self.r)[-1]


def _runs(op: Recurrent, given: Tensors) -> list[_Run]:
    """The directions of a network."""
    x, r = given["x"], given["r"]
    steps, batch, _ = shape(x)
    mask = None
    if "lengths" in given:
        places = reshape(arange(steps, dtype="int32"), (-1, 1, 1))
        mask = less(places, reshape(given["lengths"], (1, -1, 1)))
    found: list[_Run] = []
    for d, reverse in enumerate(DIRECTIONS[op.direction]):
        states = {
            name: given[name][d] if name in given else _zeros(batch, r)
            for name in op.states
        }
        bias = _halves(given["bias"][d]) if "bias" in given else None
        w = given["w"][d]
        found.append(_Run(op, x, w, r[d], bias, states, mask, reverse))
    return found


def _halves(bias: Result) -> tuple[Result, Result]:
    first, second = split(bias, 2)
    return first, second


def _zeros(batch: SizeLike, r: Result) -> Result:
    return zeros((batch, shape(r)[-1]), r.dtype)


def _rows(x: Result) -> Result:
    """x[T, N, K] -> [T*N, K]."""
    return reshape(x, (-1, shape(x)[-1]))


def _product(x: Result, w: Result, bias: Result | None = None) -> Result:
    """x[T, N, K] and w[M, K] -> ``x wᵀ + bias`` [T, N, M]."""
    operands = (_rows(x), w) if bias is None else (_rows(x), w, bias)
    steps, batch, _ = shape(x)
    return reshape(apply(Gemm(trans_b=True), *operands), (steps, batch, shape(w)[0]))


def _bias(run: _Run) -> Result | None:
    """The bias of a network whose parts may all be added before the loop."""
    return None if run.bias is None else run.bias[0] + run.bias[1]


def _joined(parts: Sequence[Result]) -> Result:
    return concatenate(parts, -1)


def _held(
    m: Sequence[Result], new: Sequence[Result], old: Sequence[Result]
) -> list[Result]:
    """New states, and old ones behind the end of a sequence."""
    if not m:
        return list(new)
    return [where(m[0], a, b) for a, b in zip(new, old, strict=True)]


def _loop(
    run: _Run, step: Callable[..., Any], scanned: Sequence[Result]
) -> list[Traced]:
    """The loop over the steps; a step gets one more slice if there is a mask."""
    along = [*scanned] if run.mask is None else [*scanned, run.mask]
    starts = [run.states[name] for name in run.op.states]
    return scan(step, starts, along, reverse=run.reverse)


# Forwards. Each gives the last states, h of each step, and what is needed backwards.


def _lstm(run: _Run) -> dict[str, Result]:
    f, g, h = run.op.functions
    units, r = run.units, transpose(run.r)
    xs = _product(run.x, run.w, _bias(run))

    def step(p: Result, q: Result, x: Result, *m: Result) -> list[Result]:
        gates, cell = split(matmul(p, r) + x, [3 * units], -1)
        gates, cell = _call(f, gates), _call(g, cell)
        i, o, keep = split(gates, 3, -1)
        c = keep * q + i * cell
        top = _call(h, c)
        y = o * top
        return [*_held(m, (y, c), (p, q)), y, p, q, gates, cell, top]

    names = ("h", "c", "y", "p", "q", "gates", "cell", "top")
    return dict(zip(names, _loop(run, step, [xs]), strict=True))


def _lstm_back(run: _Run, saved: Tensors, seeds: Tensors) -> dict[str, Result]:
    """The cotangent dz of all gates before their activations, step by step.

    ``dc' = dc + dh * o * top';  dz = (dc', dh, dc', dc') * k;  dp = dz R;
    dq = dc' * f``, where ``k = (cell * i', top * o', q * f', i * cell')``.
    """
    f, g, h = run.op.functions
    gates, cell, top = saved["gates"], saved["cell"], saved["top"]
    i, o, keep = split(gates, 3, -1)
    slopes = _joined([_slope(f, gates), _slope(g, cell)])
    k = _joined([cell, top, saved["q"], i]) * slopes
    through = o * _slope(h, top)
    if run.mask is not None:
        inside = _flag(run.mask, k)
        k, through = k * inside, through * inside
        keep = where(run.mask, keep, 1.0)

    def step(dh: Result, dc: Result, *slices: Result) -> list[Result]:
        k, through, keep, *rest = slices
        dh, m = _more(run, seeds, dh, rest)
        dc = dc + dh * through
        dz = _joined([dc, dh, dc, dc]) * k
        return [_kept(matmul(dz, run.r), dh, m), dc * keep, dz]

    dh, dc, dz = _loop_back(run, seeds, step, [k, through, keep])
    return {**_weights(run, dz, dz, saved["p"]), "h": dh, "c": dc}


def _gru(run: _Run) -> dict[str, Result]:
    f, g = run.op.functions
    units = run.units
    after = _after_product(run)
    gated, hidden = (transpose(part) for part in split(run.r, [2 * units]))
    bias = shift = None
    if run.bias is not None:
        bias, states = run.bias
        shift = states[2 * units :]
        extra = [states[: 2 * units], zeros_like(shift) if after else shift]
        bias = bias + _joined(extra)
    xs = split(_product(run.x, run.w, bias), [2 * units], -1)

    def step(p: Result, x: Result, x_hidden: Result, *m: Result) -> list[Result]:
        gates = _call(f, matmul(p, gated) + x)
        z, reset = split(gates, 2, -1)
        if after:
            part = matmul(p, hidden)
            part = part if shift is None else part + shift
            cell = _call(g, x_hidden + reset * part)
        else:
            part = reset * p
            cell = _call(g, matmul(part, hidden) + x_hidden)
        y = cell + z * (p - cell)
        return [*_held(m, (y,), (p,)), y, p, gates, cell, part]

    names = ("h", "y", "p", "gates", "cell", "part")
    return dict(zip(names, _loop(run, step, xs), strict=True))


def _after_product(run: _Run) -> bool:
    assert isinstance(run.op, Gru)
    return run.op.linear_before_reset


def _gru_back(run: _Run, saved: Tensors, seeds: Tensors) -> dict[str, Result]:
    """The cotangents dz, dr and da of the three gates before their activations.

    ``dz = dh * kz;  da = dh * ka``, where ``kz = (p - cell) * z'`` and
    ``ka = (1 - z) * cell'``. Where the product comes before the reset,
    ``dr = da * part * r'`` and ``dp = (dz, dr, da * r) R + dh * z``; else
    ``dr = (da R) * p * r'`` and ``dp = (dz, dr) R + dh * z + (da R) * r``.
    """
    f, g = run.op.functions
    units, p = run.units, saved["p"]
    gates, cell, part = saved["gates"], saved["cell"], saved["part"]
    z, reset = split(gates, 2, -1)
    slope_z, slope_r = split(_slope(f, gates), 2, -1)
    kz, ka = (p - cell) * slope_z, (1.0 - z) * _slope(g, cell)
    if run.mask is not None:
        inside = _flag(run.mask, kz)
        kz, ka = kz * inside, ka * inside
        z = where(run.mask, z, 1.0)
    gated, hidden = split(run.r, [2 * units])

    def step(dh: Result, z: Result, k: Result, *rest: Result) -> list[Result]:
        dh, _ = _more(run, seeds, dh, rest)
        ds = _joined([dh, dh, dh]) * k
        return [matmul(ds, run.r) + dh * z, dh, ds]

    def step_of_product(
        dh: Result, z: Result, kz: Result, ka: Result, *rest: Result
    ) -> list[Result]:
        kr, reset, *more = rest
        dh, _ = _more(run, seeds, dh, more)
        da = dh * ka
        back = matmul(da, hidden)
        ds = _joined([dh * kz, back * kr])
        return [matmul(ds, gated) + (dh * z + back * reset), da, ds]

    if _after_product(run):
        k = _joined([kz, ka * part * slope_r, ka * reset])
        dp, dh, ds = _loop_back(run, seeds, step, [z, k])
        dx = _joined([ds[..., : 2 * units], dh * ka])
        return {**_weights(run, dx, ds, p), "h": dp}
    along = [z, kz, ka, p * slope_r, reset]
    dp, da, ds = _loop_back(run, seeds, step_of_product, along)
    dx = _joined([ds, da])
    found = _weights(run, dx, dx, p)
    dr = [_outer(ds, p), _outer(da, part)]
    return {**found, "r": concatenate(dr), "h": dp}


def _rnn(run: _Run) -> dict[str, Result]:
    (f,) = run.op.functions
    r = transpose(run.r)
    xs = _product(run.x, run.w, _bias(run))

    def step(p: Result, x: Result, *m: Result) -> list[Result]:
        y = _call(f, matmul(p, r) + x)
        return [*_held(m, (y,), (p,)), y, p]

    return dict(zip(("h", "y", "p"), _loop(run, step, [xs]), strict=True))


def _rnn_back(run: _Run, saved: Tensors, seeds: Tensors) -> dict[str, Result]:
    """With dz = dh * y': dp = dz R."""
    (f,) = run.op.functions
    k = _slope(f, saved["y"])
    k = k if run.mask is None else k * _flag(run.mask, k)

    def step(dh: Result, k: Result, *rest: Result) -> list[Result]:
        dh, m = _more(run, seeds, dh, rest)
        dz = dh * k
        return [_kept(matmul(dz, run.r), dh, m), dz]

    dh, dz = _loop_back(run, seeds, step, [k])
    return {**_weights(run, dz, dz, saved["p"]), "h": dh}


# What the gradients have in common.


def _loop_back(
    run: _Run, seeds: Tensors, step: Callable[..., Any], scanned: Sequence[Result]
) -> list[Traced]:
    """The loop over the steps, the other way; `_more` takes the slices at the end."""
    along = [*scanned]
    if "y" in seeds:
        y = seeds["y"]
        along.append(y if run.mask is None else y * _flag(run.mask, y))
    if run.mask is not None:
        along.append(1.0 - _flag(run.mask, run.x))
    starts = [
        seeds[name] if name in seeds else zeros_like(run.states[name])
        for name in run.op.states
    ]
    return scan(step, starts, along, reverse=not run.reverse)


def _more(
    run: _Run, seeds: Tensors, dh: Result, rest: Sequence[Result]
) -> tuple[Result, Result | None]:
    """The cotangent of h with what y adds, and which samples the step is not for."""
    if "y" in seeds:
        dh = dh + rest[0]
    return dh, None if run.mask is None else rest[-1]


def _kept(dp: Result, dh: Result, outside: Result | None) -> Result:
    """The cotangent of a state that a step behind the end hands on as it is."""
    return dp if outside is None else dp + dh * outside


def _outer(g: Result, x: Result) -> Result:
    """g[T, N, M] and x[T, N, K] -> ``gᵀ x`` [M, K], summed over steps and samples."""
    return apply(Gemm(trans_a=True), _rows(g), _rows(x))


def _weights(run: _Run, dx: Result, dp: Result, p: Result) -> dict[str, Result]:
    """Cotangents of x and the weights, given those of ``x W + b`` and ``p R + b``."""
    biases = [sum_(dx, (0, 1)), sum_(dp, (0, 1))] if dp is not dx else []
    biases = biases or [sum_(dx, (0, 1))] * 2
    return {
        "x": _product(dx, transpose(run.w)),
        "w": _outer(dx, run.x),
        "r": _outer(dp, p),
        "bias": _joined(biases),
    }


def _parts(run: _Run) -> tuple[Callable[..., Any], Callable[..., Any]]:
    if isinstance(run.op, Lstm):
        return _lstm, _lstm_back
    return (_gru, _gru_back) if isinstance(run.op, Gru) else (_rnn, _rnn_back)


def recurrent_results(op: Recurrent, given: Tensors) -> dict[str, Result]:
    """y and the last states of a recurrent operator."""
    found = [(run, _parts(run)[0](run)) for run in _runs(op, given)]
    ys = [
        each["y"] if run.mask is None else each["y"] * _flag(run.mask, each["y"])
        for run, each in found
    ]
    last = {name: stack([each[name] for _, each in found]) for name in op.states}
    return {"y": stack(ys, 1), **last}


def recurrent_cotangents(
    op: Recurrent, given: Tensors, seeds: Tensors
) -> dict[str, Result]:
    """Cotangents of the operands of a recurrent operator, given those of results."""
    found: list[dict[str, Result]] = []
    for d, run in enumerate(_runs(op, given)):
        forwards, backwards = _parts(run)
        own = {n: g[:, d] if n == "y" else g[d] for n, g in seeds.items()}
        found.append(backwards(run, forwards(run), own))
    dx, *more = (each["x"] for each in found)
    for each in more:
        dx = dx + each
    names = ("w", "r", "bias", *op.states)
    return {"x": dx, **{name: stack([e[name] for e in found]) for name in names}}


def recurrent_gradient(
    op: Recurrent, given: Mapping[str, Traced], seeds: Mapping[str, Traced]
) -> dict[str, Result]:
    """The same as one operator, which is decomposed with `op` for a target."""
    names = tuple(name for name in given if name != "lengths")
    b = Builder("body")
    own = {n: Traced(b, b.input(n, x.type)) for n, x in given.items()}
    ends = {n: Traced(b, b.input(f"d{n}", g.type)) for n, g in seeds.items()}
    with b.active():
        found = recurrent_cotangents(op, own, ends)
    body = b.finish({name: value_of(b, found[name]) for name in names})
    grad = RecurrentGrad(op.unpruned, tuple(seeds), names, body)
    results = as_tuple(apply(grad, *given.values(), *seeds.values()))
    return dict(zip(names, results, strict=True))
