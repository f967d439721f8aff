"""Learning rates as functions of the step: IR when traced, numbers otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np

from seqir import ops
from seqir.arguments import number
from seqir.errors import ArgumentError
from seqir.fields import Declared
from seqir.ops.tensor import Result, TensorLike
from seqir.plain import PlainArguments, listed
from seqir.registry import Registry
from seqir.stored import from_arguments


class LearningRateSchedule(Declared, PlainArguments):
    """The learning rate at a step: subclass it and return it from ``__call__``.

    Units: steps are batches, counted from 0; the learning rate is a float32.
    Source: ``keras.optimizers.schedules.LearningRateSchedule``.
    """

    def __call__(self, step: TensorLike) -> Result:
        """The learning rate at this step."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal schedule."""
        return {name: getattr(self, name) for name in self.arguments}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The schedule that `get_config` describes.

        Raises: ArgumentError if a name in `config` is not an argument of the class.
        """
        return from_arguments(cls, config)


class ExponentialDecay(LearningRateSchedule):
    """rate = initial * decay_rate ^ (step / decay_steps).

    With `staircase` the exponent is rounded down. Raises: ArgumentError unless
    ``decay_steps > 0``. Source: ``keras.optimizers.schedules.ExponentialDecay``.
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def _setup(self) -> None:
        number("decay_steps", self.decay_steps, above=0)

    def __call__(self, step: TensorLike) -> Result:
        """The learning rate at this step."""
        periods = _periods(step, self.decay_steps, self.staircase)
        decay = ops.power(float(self.decay_rate), periods)
        return decay * float(self.initial_learning_rate)


class InverseTimeDecay(LearningRateSchedule):
    """rate = initial / (1 + decay_rate * step / decay_steps).

    With `staircase` the quotient is rounded down. Raises: ArgumentError unless
    ``decay_steps > 0``. Source: ``keras.optimizers.schedules.InverseTimeDecay``.
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def _setup(self) -> None:
        number("decay_steps", self.decay_steps, above=0)

    def __call__(self, step: TensorLike) -> Result:
        """The learning rate at this step."""
        periods = _periods(step, self.decay_steps, self.staircase)
        divisor = periods * float(self.decay_rate) + 1.0
        return ops.divide(float(self.initial_learning_rate), divisor)


class PiecewiseConstantDecay(LearningRateSchedule):
    """rate = values[i] for ``boundaries[i - 1] < step <= boundaries[i]``.

    Raises: ArgumentError unless there is one value more than boundaries.
    Source: ``keras.optimizers.schedules.PiecewiseConstantDecay``.
    """

    boundaries: Sequence[float]
    values: Sequence[float]
    name: str = "PiecewiseConstant"

    def _setup(self) -> None:
        if len(self.boundaries) != len(self.values) - 1:
            raise ArgumentError(
                f"there must be one value more than boundaries, got {len(self.values)} "
                f"values for {len(self.boundaries)} boundaries"
            )
        self.boundaries = listed(self.boundaries)
        self.values = listed(self.values)

    def __call__(self, step: TensorLike) -> Result:
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

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def _setup(self) -> None:
        number("decay_steps", self.decay_steps, above=0)

    def __call__(self, step: TensorLike) -> Result:
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

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: float = 0

    def _setup(self) -> None:
        number("decay_steps", self.decay_steps, above=0)

    def __call__(self, step: TensorLike) -> Result:
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

    def _decayed(self, step: TensorLike) -> Result:
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

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def _setup(self) -> None:
        number("first_decay_steps", self.first_decay_steps, above=0)

    def __call__(self, step: TensorLike) -> Result:
        """The learning rate at this step."""
        done = ops.divide(_number(step), float(self.first_decay_steps))
        restarts, fraction = self._period(done)
        height = ops.power(float(self.m_mul), restarts)
        factor = _cosine(fraction, height, self.alpha)
        return factor * float(self.initial_learning_rate)

    def _period(self, done: Result) -> tuple[Result, Result]:
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

    def _done_in(self, restarts: Result, done: Result) -> Result:
        """How much of the period after so many restarts is done."""
        length = ops.power(float(self.t_mul), restarts)
        start = (1.0 - length) / (1.0 - self.t_mul)
        return ops.divide(done - start, length)


def _cosine(fraction: Result, height: Result | float, alpha: float) -> Result:
    """From `height` down to 0 as the fraction goes from 0 to 1, then to alpha."""
    cosine = (ops.cos(fraction * math.pi) + 1.0) * (height * 0.5)
    return cosine * (1.0 - alpha) + float(alpha)


def _periods(step: TensorLike, length: float, whole: bool) -> Result:
    """Periods until this step, only whole ones if asked."""
    periods = ops.divide(_number(step), float(length))
    return ops.floor(periods) if whole else periods


def _number(step: TensorLike) -> Result:
    """The step as a float32."""
    return ops.cast(step, "float32")


REGISTRY: Final = Registry(
    "optimizers.schedules",
    "schedule",
    LearningRateSchedule,
    unknown="seqir has no {name!r} in optimizers.schedules.",
    any_case=True,
)
REGISTRY.add(
    (
        CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay,
        PiecewiseConstantDecay, PolynomialDecay,
    )
)  # fmt: skip

serialize = REGISTRY.serialize
deserialize = REGISTRY.deserialize
