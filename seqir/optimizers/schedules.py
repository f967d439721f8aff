"""Learning rates as functions of the step: IR when traced, numbers otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np

from seqir import ops
from seqir.errors import ArgumentError
from seqir.optimizers.serialization import restore, store
from seqir.plain import PlainArguments, listed
from seqir.stored import from_arguments


class LearningRateSchedule(PlainArguments):
    """The learning rate at a step: subclass it and return it from ``__call__``.

    Units: steps are batches, counted from 0; the learning rate is a float32.
    Source: ``keras.optimizers.schedules.LearningRateSchedule``.
    """

    arguments: ClassVar[tuple[str, ...]] = ()
    """Attributes that the configuration has."""

    def __call__(self, step: Any) -> Any:
        """The learning rate at this step."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal schedule."""
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The schedule that `get_config` describes.

        Raises: ArgumentError if a name in `config` is no argument of the class.
        """
        return from_arguments(cls, config)


class ExponentialDecay(LearningRateSchedule):
    """rate = initial * decay_rate ^ (step / decay_steps).

    With `staircase` the exponent is rounded down. Raises: ArgumentError unless
    ``decay_steps > 0``. Source: ``keras.optimizers.schedules.ExponentialDecay``.
    """

    arguments = (
        "initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate at this step."""
        periods = _periods(step, self.decay_steps, self.staircase)
        decay = ops.power(float(self.decay_rate), periods)
        return decay * float(self.initial_learning_rate)


class InverseTimeDecay(LearningRateSchedule):
    """rate = initial / (1 + decay_rate * step / decay_steps).

    With `staircase` the quotient is rounded down. Raises: ArgumentError unless
    ``decay_steps > 0``. Source: ``keras.optimizers.schedules.InverseTimeDecay``.
    """

    arguments = ExponentialDecay.arguments

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate at this step."""
        periods = _periods(step, self.decay_steps, self.staircase)
        divisor = periods * float(self.decay_rate) + 1.0
        return ops.divide(float(self.initial_learning_rate), divisor)


class PiecewiseConstantDecay(LearningRateSchedule):
    """rate = values[i] for ``boundaries[i - 1] < step <= boundaries[i]``.

    Raises: ArgumentError unless there is one value more than boundaries.
    Source: ``keras.optimizers.schedules.PiecewiseConstantDecay``.
    """

    arguments = ("boundaries", "values", "name")

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                f"there must be one value more than boundaries, got {len(values)} "
                f"values for {len(boundaries)} boundaries"
            )
        self.boundaries = listed(boundaries)
        self.values = listed(values)
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate at this step."""
        rate: Any = np.float32(self.values[-1])
        pieces = zip(self.boundaries, self.values[:-1], strict=True)
        for boundary, value in reversed(list(pieces)):
            rate = ops.where(ops.less_equal(step, boundary), np.float32(value), rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """rate = (initial - end) * (1 - step / decay_steps) ^ power + end.

    After `decay_steps` it stays at `end_learning_rate`; with `cycle` it starts anew
    over the next multiple of `decay_steps`. Raises: ArgumentError unless
    ``decay_steps > 0``. Source: ``keras.optimizers.schedules.PolynomialDecay``.
    """

    arguments = (
        "initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle",
        "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate at this step."""
        step, steps = _number(step), np.float32(self.decay_steps)
        if self.cycle:
            whole: Any = ops.maximum(ops.ceil(ops.divide(step, steps)), 1.0) * steps
        else:
            step, whole = ops.minimum(step, steps), steps
        left = ops.power(1.0 - ops.divide(step, whole), float(self.power))
        span = self.initial_learning_rate - self.end_learning_rate
        return left * span + float(self.end_learning_rate)


class CosineDecay(LearningRateSchedule):
    """rate = initial * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha).

    With a `warmup_target` the rate grows to it in a straight line over
    `warmup_steps`, and the cosine starts from there. Raises: ArgumentError unless
    ``decay_steps > 0``. Source: ``keras.optimizers.schedules.CosineDecay``.
    """

    arguments = (
        "initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target",
        "warmup_steps",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        """The learning rate at this step."""
        step, target = _number(step), self.warmup_target
        if target is None:
            return self._decayed(step) * float(self.initial_learning_rate)
        decayed = self._decayed(step - float(self.warmup_steps)) * float(target)
        if not self.warmup_steps:
            return decayed
        growth = target - self.initial_learning_rate
        done = ops.divide(step, float(self.warmup_steps))
        warming = done * growth + float(self.initial_learning_rate)
        return ops.where(ops.less(step, float(self.warmup_steps)), warming, decayed)

    def _decayed(self, step: Any) -> Any:
        """The factor at a step of the decay, from 1 down to alpha."""
        steps = float(self.decay_steps)
        return _cosine(ops.divide(ops.minimum(step, steps), steps), 1.0, self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts anew.

    Period i is ``first_decay_steps * t_mul ^ i`` long. The rate starts a period at
    ``m_mul ^ i`` times what it was at first.

    Raises: ArgumentError unless ``first_decay_steps > 0``.
    Source: ``keras.optimizers.schedules.CosineDecayRestarts``; Loshchilov and Hutter
    2016, arXiv 1608.03983.
    """

    arguments = (
        "initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name",
    )  # fmt: skip

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate at this step."""
        done = ops.divide(_number(step), float(self.first_decay_steps))
        restarts, fraction = self._period(done)
        height = ops.power(float(self.m_mul), restarts)
        factor = _cosine(fraction, height, self.alpha)
        return factor * float(self.initial_learning_rate)

    def _period(self, done: Any) -> tuple[Any, Any]:
        """Restarts so far, and how much of the present period is done.

        `done` counts in first periods. Restarts are a logarithm rounded down; it is
        rounded to the nearest start of a period first, so that its own error, just
        before and at a start, does not count.
        """
        if self.t_mul == 1.0:
            restarts = ops.floor(done)
            return restarts, done - restarts
        grown = ops.log(1.0 - done * (1.0 - self.t_mul)) / math.log(self.t_mul)
        nearest = ops.floor(grown + 0.5)
        ahead = ops.less(self._done_in(nearest, done), 0.0)
        restarts = nearest - ops.cast(ahead, "float32")
        return restarts, self._done_in(restarts, done)

    def _done_in(self, restarts: Any, done: Any) -> Any:
        """How much of the period after so many restarts is done."""
        length = ops.power(float(self.t_mul), restarts)
        start = (1.0 - length) / (1.0 - self.t_mul)
        return ops.divide(done - start, length)


def _cosine(fraction: Any, height: Any, alpha: float) -> Any:
    """From `height` down to 0 as the fraction goes from 0 to 1, then to alpha."""
    cosine = (ops.cos(fraction * math.pi) + 1.0) * (height * 0.5)
    return cosine * (1.0 - alpha) + float(alpha)


def _periods(step: Any, length: float, whole: bool) -> Any:
    """Periods until this step, only whole ones if asked."""
    periods = ops.divide(_number(step), float(length))
    return ops.floor(periods) if whole else periods


def _number(step: Any) -> Any:
    """The step as a float32."""
    return ops.cast(step, "float32")


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise ArgumentError(f"{name} must be greater than 0, got {value!r}")
    return value


_ROOM: Final = "optimizers.schedules"
_KNOWN: Final[dict[str, type[LearningRateSchedule]]] = {
    cls.__name__.lower(): cls
    for cls in (
        CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay,
        PiecewiseConstantDecay, PolynomialDecay,
    )
}  # fmt: skip


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """The dictionary that `deserialize` (and Keras) turns back into the schedule."""
    return store(learning_rate_schedule, _ROOM, _KNOWN)


def deserialize(config: Mapping[str, Any]) -> LearningRateSchedule:
    """The schedule that `serialize` described.

    Raises: ArgumentError for another form, and for classes that are not seqir's.
    """
    return restore(config, _ROOM, _KNOWN)
