"""Calls of a layer inside a trace: what it is given, builds, computes and adds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from seqir import dtypes, naming, nest
from seqir.errors import NotBuiltError, SeqirError, ShapeError
from seqir.ir import Array, Trace, current_trace
from seqir.layer import arguments, checks, masks, penalties, scope
from seqir.layer.scope import Snapshot, name_scope, once
from seqir.layer.weights import Weighted
from seqir.ops.apply import traced, value_of
from seqir.ops.call import record
from seqir.ops.convert import cast
from seqir.ops.tensor import Call, Result, Tensor, Traced
from seqir.plain import is_array, python
from seqir.shapes import format_shape


class Calling(Weighted):
    """A layer, as far as its calls inside a trace go."""

    @once
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (None where unknown)."""

    def next_key(self) -> tuple[Array, Array]:
        """Seed and step for the random numbers of one more call on arrays."""
        return self._layer_state.keys.next()

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        """Append the layer to the graph under construction; its output values."""
        b = current_trace()
        assert b is not None, "a layer is traced inside Trace.active()"
        try:
            args, kwargs = nest.map_structure(partial(_constant, b), (args, kwargs))
            self._check_inputs(args)
            if not self.built:
                scope.look_up_policy(self)
            args, kwargs = nest.map_structure(self._autocast, (args, kwargs))
            self._ensure_built(args, kwargs)
            args, kwargs, training = arguments.with_training(
                self, args, kwargs, b.training
            )
            given = masks.given(self, args, kwargs)
            kwargs = given.kwargs
            with (
                b.source(self.name, type(self).__name__),
                b.mode(training=training, autocast=self._weights_dtype),
                name_scope(self),
            ):
                outputs = self.call(*args, **kwargs)
                outputs = nest.map_structure(lambda y: traced(b, y), outputs)
                if self.activity_regularizer is not None:
                    penalties.add_activity(self, outputs)
                return masks.passed_on(self, given, outputs)
        except SeqirError as error:
            checks.add_note(error, self._note(args))
            raise

    @property
    def input_dtype(self) -> str:
        """Element type of the inputs of a model that begins with the layer."""
        return self.compute_dtype

    @property
    def _weights_dtype(self) -> str | None:
        """What floating-point weights are read as, if not as they are stored."""
        mixed = self.autocast and self.compute_dtype != self.variable_dtype
        return self.compute_dtype if mixed else None

    @property
    def inputs_cast_to(self) -> str | None:
        """What floating-point inputs are cast to: floating-point numbers stay such."""
        wanted = self.compute_dtype
        return wanted if self.autocast and dtypes.is_float(wanted) else None

    def connect_masks(
        self, args: tuple[object, ...], kwargs: dict[str, object], outputs: object
    ) -> None:
        """Give the outputs of a call on tensors of a model their masks."""
        args, kwargs, _ = arguments.with_training(self, args, kwargs, outer=None)
        masks.connect(self, masks.given(self, args, kwargs), outputs)

    @property
    def _call_arguments(self) -> tuple[str, ...]:
        return checks.call_arguments(self)

    def _autocast(self, x: object) -> Any:
        wanted = self.inputs_cast_to
        if not isinstance(x, Traced) or not wanted or x.dtype == wanted:
            return x
        if dtypes.is_float(x.dtype):
            return Traced(x.builder, value_of(x.builder, cast(x, wanted)), x.mask)
        return x

    def _check_inputs(self, args: tuple[object, ...]) -> None:
        checks.check_inputs(self, args)

    def check_axis(
        self, shape: Sequence[int | None], axis: int, wanted: int | None
    ) -> None:
        """ShapeError unless the input has the size there that the weights need."""
        if shape[axis] is not None and shape[axis] != wanted:
            raise ShapeError(
                f"Input 0 of layer '{self.name}' is incompatible with the layer: "
                f"expected axis {axis} of input shape to have value {wanted}, but "
                f"received input with shape {format_shape(shape)}"
            )

    def _ensure_built(
        self, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        if self.built:
            return
        shapes = checks.build_shapes(self, args, kwargs)
        if shapes is not None:
            self.build(**shapes)
            return
        tensors = args[0] if args else next(iter(kwargs.values()), None)
        self.build(nest.map_structure(lambda x: getattr(x, "shape", None), tensors))

    def _note(self, args: object) -> str:
        types = [str(x.type) for x in nest.flatten(args) if isinstance(x, Tensor)]
        inputs = f", input {', '.join(types)}" if types else ""
        return f"in layer {self.name!r} ({type(self).__name__}){inputs}"

    # Losses.

    def add_loss(self, loss: object) -> None:
        """Add a scalar (or a list of them) to the loss; call it in `call`.

        Raises: GraphError outside of `call`, ShapeError for what is not a scalar.
        """
        penalties.add(self, loss)

    @property
    def losses(self) -> list[Result]:
        """Scalars that the last call on arrays has added, then penalties of weights.

        A model keeps what was added only when it is called with ``training=True``.
        """
        return penalties.losses(self, self._layer_state.losses)

    # Connections.

    @property
    def input(self) -> Any:
        """Tensor (or structure) that the layer was first called on in a model."""
        inputs = self._first_call("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """Tensor (or structure) that came out of the first call in a model."""
        return self._first_call("output").outputs

    def _first_call(self, what: str) -> Call:
        calls = self._layer_state.calls
        if not calls:
            raise NotBuiltError(
                f"The layer {self.name} has never been called and thus has no "
                f"defined {what}."
            )
        return calls[0]

    def compute_output_shape(self, input_shape: object) -> Any:
        """Shape of the output for inputs of this shape; nothing is built.

        Raises: ShapeError if such an input does not fit.
        """
        spec = self.compute_output_spec(
            arguments.stand_ins(python(input_shape), self.input_dtype)
        )
        return nest.map_structure(lambda t: t.shape, spec)

    def compute_output_spec(self, *args: object, **kwargs: object) -> Any:
        """Output tensors for symbolic inputs; nothing is built or recorded."""
        before = Snapshot(self)
        try:
            with naming.apart(), scope.without_values():
                return record(self, args, kwargs)
        finally:
            before.restore()


def _constant(b: Trace, x: object) -> object:
    """An array as a constant of the graph: a layer computes with tensors alone."""
    return traced(b, x) if is_array(x) else x
