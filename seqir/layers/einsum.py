"""Dense layers on any axes, by an equation."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from seqir import initializers, ops
from seqir.arguments import integer
from seqir.errors import ArgumentError, ShapeError
from seqir.initializers.scaling import VarianceScaling
from seqir.layer.aliases import (
    ConstraintLike,
    InitializerLike,
    RegularizerLike,
    Shape,
)
from seqir.layer.arguments import activation as activation_of
from seqir.layer.base import Layer
from seqir.narrow import is_sequence
from seqir.ops.tensor import Result

_FORMS: Final = (
    re.compile(r"()([a-zA-Z]+)(),([a-zA-Z]+)->([a-zA-Z]+)"),
    re.compile(r"(\.\.\.)([a-zA-Z]+)(),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)"),
    re.compile(r"()([a-zA-Z]{2,})(\.\.\.),([a-zA-Z]+)->([a-zA-Z]+)\.\.\."),
)


class EinsumDense(Layer):
    """y = activation(einsum(equation, x, kernel) + bias).

    The equation is ``"ab,bc->ac"``, or has the axes that it does not name at the left
    (``"...x,xy->...y"``) or at the right (``"ab...,bc->ac..."``). `output_shape` has
    the sizes of the output without the batch and without those axes, None where the
    input says it.

    Shapes: as the equation says.
    Weights: kernel, as the equation says; bias of the axes `bias_axes` of the output.
    Source: Keras 3 ``layers.EinsumDense``.
    """

    equation: str
    output_shape: Any
    activation: Any = None
    bias_axes: str | None = None
    kernel_initializer: InitializerLike = "glorot_uniform"
    bias_initializer: InitializerLike = "zeros"
    kernel_regularizer: RegularizerLike = None
    bias_regularizer: RegularizerLike = None
    kernel_constraint: ConstraintLike = None
    bias_constraint: ConstraintLike = None

    _absent = (
        "lora_rank",
        "lora_alpha",
        "gptq_unpacked_column_size",
        "quantization_config",
    )
    single_input = True

    def setup(self) -> None:
        _parsed(self.equation)
        self.activation = activation_of(self.activation)
        given = self.output_shape
        if not is_sequence(given):
            given = (given,)
        self.output_shape = tuple(
            None if n is None else integer("output_shape", n, least=1) for n in given
        )

    def build(self, input_shape: Shape) -> None:
        plan = _planned(
            self.equation, self.bias_axes, tuple(input_shape), self.output_shape
        )
        self._rank = len(input_shape)
        self.kernel = self.add_weight(
            plan.kernel,
            self._fanned(plan),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if plan.bias is not None:
            self.bias = self.add_weight(
                plan.bias,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _fanned(self, plan: _Plan) -> InitializerLike:
        """The initializer of the kernel, which is told what its axes are."""
        found = initializers.get(self.kernel_initializer)
        if not isinstance(found, VarianceScaling) or found.input_axes is not None:
            return self.kernel_initializer
        axes = {"input_axes": plan.input_axes, "output_axes": plan.output_axes}
        return type(found).from_config(found.get_config() | axes)

    def call(self, x: Result) -> Result:
        if x.ndim != self._rank:
            raise ShapeError(
                f"Input 0 of layer '{self.name}' is incompatible with the layer: "
                f"expected ndim={self._rank}, found ndim={x.ndim}"
            )
        y = ops.einsum(self.equation, x, self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return self.activation(y)


class _Equation(NamedTuple):
    """The letters of an equation, and at which side axes have none."""

    left: bool
    right: bool
    inputs: str
    kernel: str
    outputs: str


class _Plan(NamedTuple):
    """The shapes of the weights, and what the axes of the kernel join."""

    kernel: Shape
    bias: Shape | None
    input_axes: list[int]
    output_axes: list[int]


def _parsed(equation: object) -> _Equation:
    """The parts of an equation.

    Raises: ArgumentError for one of another form.
    """
    for form in _FORMS:
        if isinstance(equation, str) and (found := form.fullmatch(equation)):
            left, inputs, right, kernel, outputs = found.groups()
            return _Equation(bool(left), bool(right), inputs, kernel, outputs)
    raise ArgumentError(
        f"Invalid einsum equation {equation!r}. Equations must be in the form "
        "[X],[Y]->[Z], ...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
    )


def _planned(equation: str, bias_axes: str | None, shape: Shape, given: Shape) -> _Plan:
    """The shapes of the weights for an input of this shape.

    Raises: ShapeError for sizes that do not fit, ArgumentError for letters that say
        nothing.
    """
    parts = _parsed(equation)
    elided = len(shape) - len(parts.inputs)
    if elided < 0 or (elided and not (parts.left or parts.right)):
        raise ShapeError(
            f"the equation {equation!r} takes tensors of {len(parts.inputs)} axes"
            f"{' or more' if parts.left or parts.right else ''}, got shape {shape}"
        )
    first = elided if parts.left else 0
    before, behind = (elided, 0) if parts.left else (1, elided)
    full = (*shape[: max(before, 1)], *given, *shape[len(shape) - behind :])
    if len(full) != len(parts.outputs) + elided:
        raise ShapeError(
            f"the equation {equation!r} makes {len(parts.outputs)} axes, and "
            f"output_shape={given} has {len(given)} without the batch"
        )
    inside = dict(zip(parts.inputs, shape[first:], strict=False))
    outside = dict(zip(parts.outputs, full[first:], strict=False))
    for letter, size in inside.items():
        if outside.get(letter) not in (None, size):
            raise ShapeError(
                f"Input shape and output shape do not match at shared dimension "
                f"'{letter}'. Input shape is {size}, and output shape is "
                f"{outside[letter]}."
            )
    for letter in parts.outputs:
        if letter not in parts.inputs and letter not in parts.kernel:
            raise ArgumentError(
                f"Dimension '{letter}' was specified in the output '{parts.outputs}' "
                f"but has no corresponding dim in the input spec '{parts.inputs}' or "
                f"weight spec '{parts.kernel}'"
            )
    sizes: list[int | None] = []
    for letter in parts.kernel:
        if letter not in outside and letter not in inside:
            raise ArgumentError(
                f"Weight dimension '{letter}' did not have a match in either the input "
                f"spec '{parts.inputs}' or the output spec '{parts.outputs}'. For this "
                "layer, the weight must be fully specified."
            )
        own = outside.get(letter)
        sizes.append(inside.get(letter) if own is None else own)
    axes = [letter in outside for letter in parts.kernel]
    return _Plan(
        tuple(sizes),
        _bias(parts, bias_axes, outside, elided if not parts.left else 0),
        [i for i, is_output in enumerate(axes) if not is_output],
        [i for i, is_output in enumerate(axes) if is_output],
    )


def _bias(
    parts: _Equation, axes: str | None, sizes: dict[str, int | None], behind: int
) -> Shape | None:
    """The shape of the bias: those axes of the output, 1 for what lies between."""
    if axes is None:
        return None
    for letter in axes:
        if letter not in parts.outputs:
            raise ArgumentError(
                f"Bias dimension '{letter}' was requested, but is not part of the "
                f"output spec '{parts.outputs}'"
            )
    last = parts.outputs[min(map(parts.outputs.index, axes)) :]
    return (*(sizes[c] if c in axes else 1 for c in last), *(1 for _ in range(behind)))


__all__ = ["EinsumDense"]
