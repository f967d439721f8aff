"""Several optimizers for one model, each for some of its variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Final, Self

from seqir.errors import ArgumentError, UnsupportedError
from seqir.ops.tensor import Result
from seqir.ops.variable import Variable
from seqir.optimizers.base import REGISTRY, Optimizer
from seqir.optimizers.loss_scale import LossScaleOptimizer
from seqir.registry import Registry


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Optimizers by the path of a variable, or a pattern that matches all of it.

    What nothing matches has the default. Patterns are regular expressions.

    Raises: ArgumentError for anything but optimizers, a key that is there already,
        and a path that two patterns match.
    Source: ``keras.optimizers.OptimizerMap``.
    """

    def __init__(
        self,
        default_optimizer: Optimizer,
        optimizer_map: Mapping[str, Optimizer] | None = None,
    ) -> None:
        self.default_optimizer = _single(default_optimizer)
        self._by_key: dict[str, Optimizer] = {}
        self.update(optimizer_map or {})

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._by_key:
            return self._by_key[key]
        found = [pattern for pattern in self._by_key if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ArgumentError(f"{key!r} is matched by {' and by '.join(found)}")
        return self._by_key[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if key in self._by_key:
            raise ArgumentError(f"there is an optimizer for {key!r} already")
        self._by_key[key] = _single(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal map."""
        serialize = REGISTRY.serialize
        return {
            "default_optimizer": serialize(self.default_optimizer),
            "optimizer_map": {key: serialize(o) for key, o in self._by_key.items()},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The map that `get_config` describes."""
        restore = REGISTRY.restore
        stored = config["optimizer_map"]
        return cls(
            restore(config["default_optimizer"]),
            {key: restore(each) for key, each in stored.items()},
        )


MAPS: Final[Registry[Any]] = Registry(
    "optimizers",
    "optimizer map",
    object,
    unknown="seqir has no {name!r} in optimizers.",
    any_case=True,
)
MAPS.add([OptimizerMap])


class MultiOptimizer(Optimizer):
    """Updates each variable by the optimizer that a map or a function has for it.

    `loss_scale_factor` is that of all of them. It has no learning rate of its own.

    Source: ``keras.optimizers.MultiOptimizer``.
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._optimizer_of = optimizer_map
        self._groups: dict[Optimizer, list[Variable]] = {}
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in optimizer_map.values():
                self._group_of(optimizer)
            self._group_of(optimizer_map.default_optimizer)

    def _group_of(self, optimizer: Optimizer) -> list[Variable]:
        optimizer.loss_scale_factor = self.loss_scale_factor
        return self._groups.setdefault(optimizer, [])

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers inside."""
        return list(self._groups)

    @property
    def variables(self) -> list[Variable]:
        """Its own, then those of the optimizers inside."""
        return [*self._variables, *(v for o in self._groups for v in o.variables)]

    def present_rate(self) -> Any:
        """There is none.

        Raises: UnsupportedError always.
        """
        raise UnsupportedError(
            f"{self.name!r} has no learning rate of its own: read and set that of its "
            "optimizers"
        )

    def set_rate(self, value: Any) -> None:
        """There is none.

        Raises: UnsupportedError always.
        """
        self.present_rate()

    @property
    def revision(self) -> int:
        """How often one of the optimizers inside has changed."""
        return sum(optimizer.revision for optimizer in self._groups)

    def build(self, variables: Iterable[Variable]) -> None:
        """Share the variables out, and make the slots of each optimizer."""
        if self.built:
            return
        found = list(variables)
        for variable in found:
            self._group_of(_single(self._optimizer_of(variable))).append(variable)
        for optimizer, group in self._groups.items():
            if group:
                optimizer.build(group)
        super().build(found)

    def apply(
        self,
        grads: Iterable[Result | None],
        trainable_variables: Iterable[Variable] | None = None,
    ) -> None:
        """One step of every optimizer that has a variable among these."""
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_of(grads, trainable_variables)
        found = dict(zip(variables, grads, strict=True))
        for optimizer, group in self._groups.items():
            own = [variable for variable in group if variable in found]
            optimizer.apply([found[variable] for variable in own], own)
        self.assign_add(self._iterations, 1)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """What each optimizer does after the last step."""
        wanted = set(var_list)
        for optimizer, group in self._groups.items():
            optimizer.finalize_variable_values([v for v in group if v in wanted])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer, without its state.

        Raises: ArgumentError if a function chooses the optimizers.
        """
        if not isinstance(self._optimizer_of, OptimizerMap):
            raise ArgumentError(
                f"the optimizers of {self.name!r} are chosen by a function, which has "
                "no config: use an OptimizerMap"
            )
        return {
            "optimizer_map": MAPS.serialize(self._optimizer_of),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The optimizer that `get_config` describes."""
        found = dict(config)
        return cls(MAPS.deserialize(found.pop("optimizer_map")), **found)


def _single(optimizer: Any) -> Optimizer:
    """The optimizer, if it is one for some of the variables."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{optimizer!r} is not an optimizer")
    if isinstance(optimizer, LossScaleOptimizer | MultiOptimizer):
        raise ArgumentError(
            f"{type(optimizer).__name__} cannot be for some of the variables only"
        )
    return optimizer


__all__ = ["MultiOptimizer", "OptimizerMap"]
