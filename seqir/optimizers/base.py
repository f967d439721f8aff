"""The base class of optimizers: everything but how one weight is updated."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from seqir import absent, initializers, naming, ops
from seqir.errors import ArgumentError, DTypeError, NotBuiltError, ShapeError
from seqir.fields import Declared, keyword
from seqir.ir import outside
from seqir.narrow import is_a
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.optimizers import schedules
from seqir.optimizers.clipping import clip_by_global_norm, clip_by_norm
from seqir.optimizers.options import OPTIONS, check_options, refuse_unknown
from seqir.optimizers.state import Stateful, only_if
from seqir.plain import PlainArguments
from seqir.registry import Registry


class Optimizer(Stateful, Declared, PlainArguments):
    """Turns gradients into new weights; a subclass has `update_step`.

    A step is written with `seqir.ops` and assignments to variables. Traced, it
    becomes part of a graph whose state these variables are; on arrays it happens at
    once::

        class Momentum(Optimizer):
            def build(self, variables):
                super().build(variables)
                self.momentums = self.add_optimizer_variables(variables, "momentum")

            def update_step(self, gradient, variable, learning_rate):
                m = self.momentums[self._get_variable_index(variable)]
                self.assign(m, 0.9 * m - learning_rate * gradient)
                self.assign_add(variable, m)

    The order of a step: unscale the gradients (`loss_scale_factor`), accumulate them
    (`gradient_accumulation_steps`: their mean counts every so many steps, the steps
    between change no weight), clip them (`clipnorm` each, `global_clipnorm` all
    together, `clipvalue` every number), decay the weights (`weight_decay`:
    ``w -= w * weight_decay * learning_rate``), `update_step`, average the weights
    (`use_ema`: ``average = ema_momentum * average + (1 - ema_momentum) * w``, and
    ``w = average`` every `ema_overwrite_frequency` steps), constrain the weights,
    ``iterations += 1``.

    Units: `learning_rate` is a float, a schedule of the steps made so far, or a
    function without arguments, which a trace calls once.
    Raises: ArgumentError for options that make no sense.
    Source: ``keras.optimizers.Optimizer``.
    """

    keywords = OPTIONS

    weight_decay: float | None = keyword(default=None)
    clipnorm: float | None = keyword(default=None)
    clipvalue: float | None = keyword(default=None)
    global_clipnorm: float | None = keyword(default=None)
    use_ema: bool = keyword(default=False)
    ema_momentum: float = keyword(default=0.99)
    ema_overwrite_frequency: int | None = keyword(default=None)
    loss_scale_factor: float | None = keyword(default=None)
    gradient_accumulation_steps: int | None = keyword(default=None)
    name: str = keyword(default=None)

    built = False
    """Whether the variables are known and the slots made."""

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(name or naming.auto_name(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        if unknown.pop("decay", None) is not None:
            warnings.warn(
                "the argument decay of optimizers does nothing: give a schedule as "
                "learning_rate, or weight_decay",
                stacklevel=2,
            )
        known = [*self.arguments, "learning_rate", *OPTIONS]
        refuse_unknown(unknown, known)
        check_options(vars(self))
        self._trainable_variables: list[Variable] = []
        self._index: dict[Variable, int] = {}
        self._averages: list[Variable] = []
        self._accumulators: list[Variable] = []
        self._excluded: set[Variable] = set()
        self._excluded_names: list[str] = []
        self._once: dict[Hashable, Any] | None = None
        self._revision = 0
        self._iterations = self.add_variable((), dtype="int32", name="iteration")
        self._learning_rate = learning_rate
        if not callable(learning_rate):
            self._learning_rate = self._rate_variable(learning_rate)

    def _rate_variable(self, value: Any) -> Variable:
        if not isinstance(value, float):
            raise ArgumentError(
                "learning_rate must be a float, a LearningRateSchedule or a function "
                f"without arguments, got {value!r} of type {type(value).__name__}"
            )
        constant = initializers.Constant(value)
        return self.add_variable((), constant, name="learning_rate")

    # State

    @property
    def variables(self) -> list[Variable]:
        """The state: iteration, learning rate, averages, accumulators, slots."""
        return list(self._variables)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Give `variables` new numbers.

        Raises: NotBuiltError before they are all made; ArgumentError for another
            number of arrays; ShapeError if one does not have the shape of its variable.
        """
        if not self.built:
            raise NotBuiltError(
                f"optimizer {self.name!r} has no slots yet: call build(variables) "
                "before set_weights"
            )
        if len(weights) != len(self.variables):
            raise ArgumentError(
                f"optimizer {self.name!r} has {len(self.variables)} variables, "
                f"set_weights got {len(weights)} arrays"
            )
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that it was built for."""
        return list(self._trainable_variables)

    @property
    def iterations(self) -> Result:
        """Updates so far: steps, or groups of accumulated steps."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    if TYPE_CHECKING:
        learning_rate: Any = 0.001
    else:

        @property
        def learning_rate(self) -> Any:
            """The present learning rate: a variable, or what the schedule gives.

            Raises: DTypeError if a number is set while it is a schedule or a function.
            """
            return self.present_rate()

        @learning_rate.setter
        def learning_rate(self, value: Any) -> None:
            self.set_rate(value)

    def present_rate(self) -> Any:
        """What `learning_rate` is when it is read."""
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            return rate(self._iterations)
        return rate if isinstance(rate, Variable) else rate()

    def set_rate(self, value: Any) -> None:
        """What happens when `learning_rate` is set."""
        old = self._learning_rate
        if callable(value):
            self._learning_rate = value
            self._revision += 1
            self._variables = [v for v in self._variables if v is not old]
        elif isinstance(old, Variable):
            old.assign(value)
        else:
            raise DTypeError(
                f"the learning rate of {self.name!r} is {type(old).__name__}, it "
                f"cannot be set to {value!r}: make the optimizer with a float"
            )

    @property
    def revision(self) -> int:
        """Another number when a step traced before is no longer what it computes."""
        return self._revision

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the slots for these variables; the second time nothing happens.

        Raises: ArgumentError for anything but variables.
        """
        if self.built:
            return
        found = list(variables)
        for variable in found:
            if not is_a(variable, Variable):
                raise ArgumentError(
                    f"an optimizer updates variables, got {type(variable).__name__}"
                )
        self._trainable_variables = found
        self._index = {variable: i for i, variable in enumerate(found)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(found, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(
                found, "gradient_accumulator"
            )
        self.built = True
        self.add_slots(found)

    def add_slots(self, variables: Sequence[Variable]) -> None:
        """Make what `update_step` remembers about each variable; `build` calls it."""

    def _get_variable_index(self, variable: Variable) -> int:
        """Where a variable stands in the list that the optimizer was built for.

        Raises: ArgumentError if it is not in it.
        """
        if variable not in self._index:
            raise ArgumentError(
                f"optimizer {self.name!r} was not built for variable "
                f"{variable.path!r}: make a new optimizer for other variables"
            )
        return self._index[variable]

    # One step

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Result | None, Variable]]
    ) -> Variable:
        """`apply`, for pairs of a gradient and a variable; the iteration."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(
        self,
        grads: Iterable[Result | None],
        trainable_variables: Iterable[Variable] | None = None,
    ) -> None:
        """One step: update the variables by a gradient for each.

        The first call may say for which variables; a gradient that is None leaves its
        variable as it is, with a warning.

        Raises: NotBuiltError if the variables are not known; ArgumentError if there
            are none with a gradient, others than at first, or not one gradient each;
            ShapeError if a gradient does not have the shape of its variable.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_of(grads, trainable_variables)
        grads, variables = self._present(grads, variables)
        if self.loss_scale_factor is not None:
            grads = [ops.divide(g, self.loss_scale_factor) for g in grads]
        self._once = {}
        try:
            if self.gradient_accumulation_steps:
                self._accumulate(grads, variables, self.gradient_accumulation_steps)
            else:
                self._update(grads, variables)
            if self.use_ema:
                self._average()
        finally:
            self._once = None
        for variable in variables:
            if variable.constraint is not None:
                self.assign(variable, variable.constraint(variable))
        self.assign_add(self._iterations, 1)

    def update_step(
        self, gradient: Result, variable: Variable, learning_rate: Result
    ) -> None:
        """Update one variable by its gradient, and what is remembered about it."""
        raise NotImplementedError(f"{type(self).__name__} has no update_step")

    def update_variables(
        self,
        grads: Sequence[Result],
        variables: Sequence[Variable],
        learning_rate: Result,
    ) -> None:
        """`update_step` for each variable."""
        for gradient, variable in zip(grads, variables, strict=True):
            dtype = variable.dtype
            rate = self.once(("rate", dtype), ops.cast, learning_rate, dtype)
            self.update_step(ops.cast(gradient, dtype), variable, rate)

    def once(self, key: Hashable, compute: Callable[..., Any], *args: Any) -> Any:
        """``compute(*args)``, computed once in a step under this key.

        For numbers that the updates of all variables share.
        """
        if self._once is None:
            return compute(*args)
        if key not in self._once:
            self._once[key] = compute(*args)
        return self._once[key]

    def step_number(self, dtype: str) -> Result:
        """The number of this update, from 1 on, as a float."""
        return self.once(("step", dtype), lambda: ops.cast(self.iterations + 1, dtype))

    def _variables_of(
        self, grads: Sequence[Result | None], given: Iterable[Variable] | None
    ) -> list[Variable]:
        """The variables that the gradients are for."""
        if given is None and not self.built:
            raise NotBuiltError(
                f"optimizer {self.name!r} does not know the variables yet: pass "
                "trainable_variables, or call build(variables) before"
            )
        variables = self._trainable_variables if given is None else list(given)
        if not self.built:  # a `build` of users need not ask
            with outside():  # slots begin now, not whenever the step has run
                self.build(variables)
        for variable in variables:
            self._get_variable_index(variable)
        if len(variables) != len(grads):
            raise ArgumentError(
                f"there must be one gradient for each variable, got {len(grads)} "
                f"gradients for {len(variables)} variables"
            )
        return variables

    def _present(
        self, grads: Sequence[Result | None], variables: Sequence[Variable]
    ) -> tuple[list[Result], list[Variable]]:
        """Gradients that are there, and their variables."""
        pairs = list(zip(grads, variables, strict=True))
        missing = [v.path for g, v in pairs if g is None]
        if len(missing) == len(pairs):
            raise ArgumentError(
                f"no variable has a gradient: the loss depends on none of {missing}"
            )
        if missing:
            warnings.warn(
                f"the loss does not depend on {missing}: they are left as they are",
                stacklevel=3,
            )
        for gradient, variable in pairs:
            if gradient is not None and _differ(gradient, variable):
                raise ShapeError(
                    f"variable {variable.path!r} has shape {variable.shape}, its "
                    f"gradient {tuple(ops.shape(gradient))}"
                )
        kept = [(g, v) for g, v in pairs if g is not None]
        return [g for g, _ in kept], [v for _, v in kept]

    def _update(self, grads: Sequence[Result], variables: Sequence[Variable]) -> None:
        """Clip, decay and update."""
        rate = self.learning_rate
        grads = self._clip(grads)
        for variable in variables:
            self._decay(variable, rate)
        self.update_variables(grads, variables, rate)

    def _accumulate(
        self, grads: Sequence[Result], variables: Sequence[Variable], steps: int
    ) -> None:
        """Add the gradients up, and update by their mean every so many steps."""
        due = ops.equal(ops.mod(self._iterations + 1, steps), 0)
        sums: list[Any] = list(self._accumulators)
        for gradient, variable in zip(grads, variables, strict=True):
            i = self._get_variable_index(variable)
            sums[i] = sums[i] + ops.cast(gradient, variable.dtype)
        means = [
            ops.divide(sums[self._get_variable_index(v)], steps) for v in variables
        ]
        own = {self._iterations, self._learning_rate}.union(
            self._averages, self._accumulators
        )
        slots = [v for v in self._variables if v not in own]
        with only_if(due, [*variables, *slots]):
            self._update(means, variables)
        for accumulator, total in zip(self._accumulators, sums, strict=True):
            self.assign(accumulator, ops.where(due, 0.0, total))

    def _clip(self, grads: Sequence[Result]) -> Sequence[Any]:
        if self.clipnorm:
            return [clip_by_norm(g, self.clipnorm) for g in grads]
        if self.global_clipnorm:
            return clip_by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    def _average(self) -> None:
        """Move the averages to the weights, and now and then the weights to them."""
        pairs = list(zip(self._trainable_variables, self._averages, strict=True))
        for variable, average in pairs:
            momentum = self.once(
                ("average", variable.dtype), self._momentum_of_average, variable.dtype
            )
            self.assign(average, momentum * average + (1 - momentum) * variable)
        if self.ema_overwrite_frequency:
            group = ops.mod(self.iterations + 1, self.ema_overwrite_frequency)
            due = ops.equal(group, 0)
            for variable, average in pairs:
                self.assign(variable, ops.where(due, average, variable))

    def _momentum_of_average(self, dtype: str) -> Result:
        """The momentum; 0 in the first update, when there is no average yet."""
        return ops.cast(ops.not_equal(self.iterations, 0), dtype) * self.ema_momentum

    # Weight decay

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Do not decay these variables, and those whose name one of these matches.

        The names are regular expressions, searched for in the variable's own name.

        Raises: ArgumentError once the optimizer is built.
        """
        if self.built:
            raise ArgumentError(
                "exclude_from_weight_decay must be called before the optimizer is "
                f"built, and {self.name!r} is"
            )
        self._excluded = set(var_list or ())
        self._excluded_names = list(var_names or ())

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a variable, if it had not been excluded."""
        return self.weight_decay

    def _decay(self, variable: Variable, learning_rate: Result) -> None:
        decay = self.decay_of(variable)
        if not decay or variable in self._excluded:
            return
        if any(re.search(name, variable.name) for name in self._excluded_names):
            return
        dtype = variable.dtype
        # One product of weight and number: w * (1 - decay) would be one pass less, and
        # the rounding of 1 - decay the same part of the decay in every step.
        rate = self.once(
            ("decay", dtype, decay), lambda: ops.cast(learning_rate, dtype) * decay
        )
        self.assign_sub(variable, variable * rate)

    # The training around it

    def scale_loss(self, loss: Result) -> Result:
        """The loss whose gradients `apply` takes."""
        scale = self.loss_scale_factor
        return loss if scale is None else loss * scale

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """After the last step: with `use_ema`, set the variables to their averages."""
        if self.use_ema:
            for variable in var_list:
                index = self._get_variable_index(variable)
                self.assign(variable, self._averages[index])

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return absent.attribute(self, name)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, without its state.

        Raises: ArgumentError if the learning rate is a function.
        """
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            stored: Any = schedules.serialize(rate)
        elif isinstance(rate, Variable):
            stored = float(rate.array)
        else:
            raise ArgumentError(
                f"the learning rate of {self.name!r} is a function, which has no "
                "config: make it a LearningRateSchedule"
            )
        options = {name: getattr(self, name) for name in OPTIONS}
        own = {name: getattr(self, name) for name in self.arguments}
        return {"learning_rate": stored, **options, **own}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The optimizer that `get_config` describes."""
        found = dict(config)
        if isinstance(found.get("learning_rate"), Mapping):
            found["learning_rate"] = schedules.deserialize(found["learning_rate"])
        return cls(**found)


def _differ(gradient: Result, variable: Variable) -> bool:
    """Whether two shapes are not the same, where they are known."""
    found, wanted = tuple(ops.shape(gradient)), variable.shape
    known = zip(found, wanted, strict=False)
    return len(found) != len(wanted) or any(
        isinstance(n, int) and n != size for n, size in known
    )


REGISTRY: Final[Registry[Optimizer]] = Registry(
    "optimizers",
    "optimizer",
    Optimizer,
    unknown="seqir has no {name!r} in optimizers.",
    any_case=True,
)
"""Filled by `seqir.optimizers.registry`: optimizers made of others ask it before."""
