"""Losses scaled up so that small gradients survive in half precision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from seqir import initializers, ops
from seqir.errors import ArgumentError
from seqir.narrow import is_a
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.optimizers.base import REGISTRY, Optimizer
from seqir.optimizers.state import only_if


class LossScaleOptimizer(Optimizer):
    """Scales the loss, unscales the gradients, and skips steps that are not finite.

    After `dynamic_growth_steps` finite steps the scale is doubled; a step with a
    gradient that is NaN or infinite changes no weight and halves it.

    Raises: ArgumentError for anything but an optimizer inside.
    Source: ``keras.optimizers.LossScaleOptimizer``; arXiv:1710.03740.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ) -> None:
        if not is_a(inner_optimizer, Optimizer):
            raise ArgumentError(
                f"inner_optimizer must be an optimizer, got {inner_optimizer!r}"
            )
        super().__init__(0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # it would scale a second time

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots of the inner optimizer, and the scale."""
        if self.built:
            return
        found = list(variables)
        start = initializers.Constant(self.initial_scale)
        self.step_counter = self.add_variable((), "zeros", "int32", "step_counter")
        self.dynamic_scale = self.add_variable((), start, "float32", "dynamic_scale")
        self.inner_optimizer.build(found)
        super().build(found)

    @property
    def variables(self) -> list[Variable]:
        """Its own, then those of the inner optimizer."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Result:
        """Updates that were not skipped."""
        return self.inner_optimizer.iterations

    def present_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    def set_rate(self, value: Any) -> None:
        """Set that of the inner optimizer."""
        self.inner_optimizer.learning_rate = value

    @property
    def revision(self) -> int:
        """That of the inner optimizer."""
        return self.inner_optimizer.revision

    def apply(
        self,
        grads: Iterable[Result | None],
        trainable_variables: Iterable[Variable] | None = None,
    ) -> None:
        """One step of the inner optimizer, if all gradients are finite."""
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_of(grads, trainable_variables)
        grads, variables = self._present(grads, variables)
        finite = all_finite(grads)
        unscaled = [ops.divide(g, self.dynamic_scale) for g in grads]
        trained = self._trainable_variables
        with only_if(finite, [*trained, *self.inner_optimizer.variables]):
            self.inner_optimizer.apply(unscaled, variables)
        counter, scale = self.step_counter, self.dynamic_scale
        grow = ops.logical_and(
            finite, ops.equal(counter, self.dynamic_growth_steps - 1)
        )
        going = ops.logical_and(finite, ops.logical_not(grow))
        factor = ops.where(finite, ops.where(grow, 2.0, 1.0), 0.5)
        self.assign(counter, ops.where(going, counter + 1, 0))
        self.assign(scale, scale * factor)

    def scale_loss(self, loss: Result) -> Result:
        """The loss whose gradients `apply` takes."""
        scale = self.dynamic_scale if self.built else self.initial_scale
        return loss * scale

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """What the inner optimizer does after the last step."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, without its state."""
        return {
            "name": self.name,
            "inner_optimizer": REGISTRY.serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The optimizer that `get_config` describes."""
        found = dict(config)
        return cls(REGISTRY.deserialize(found.pop("inner_optimizer")), **found)


def all_finite(gradients: Sequence[Result]) -> Result:
    """Whether no number in them is NaN or infinite: ``sum(g - g)`` is 0 then."""
    rests = [ops.cast(ops.sum(ops.subtract(g, g)), "float32") for g in gradients]
    return ops.equal(ops.sum(ops.stack(rests)), 0.0)


__all__ = ["LossScaleOptimizer"]
