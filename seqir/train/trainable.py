"""What a training needs of the model that it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from seqir.ir import Array, Graph, Trace
from seqir.layer.state import HasState, LayerState
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable

Sizes: TypeAlias = tuple[tuple[int, ...], ...]
"""Of each input of a model, without the batch."""


class Trainable(HasState[LayerState], Protocol):
    """A model with inputs, outputs and weights; `seqir.Model` is one."""

    @property
    def stop_training(self) -> bool:
        """Set by callbacks: `fit` ends after the present batch."""
        ...

    @stop_training.setter
    def stop_training(self, value: bool) -> None: ...
    @property
    def stop_evaluating(self) -> bool:
        """Set by callbacks: `evaluate` ends after this batch."""
        ...

    @stop_evaluating.setter
    def stop_evaluating(self, value: bool) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the model is built, and it is known for which inputs."""
        ...

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that it takes; None if it takes any."""
        ...

    @property
    def trainable(self) -> bool: ...
    @property
    def weights(self) -> list[Variable]: ...
    @property
    def trainable_weights(self) -> list[Variable]: ...
    @property
    def input_names(self) -> list[str]: ...
    @property
    def output_names(self) -> list[str]: ...
    @property
    def output_structure(self) -> Any: ...

    def overrides(self, method: str) -> bool:
        """Whether a method is not the one that all models have."""
        ...

    def settle(self) -> None:
        """Count as built once all layers inside are."""
        ...

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        ...

    def get_metrics_result(self) -> dict[str, Any]:
        """What the metrics have gathered."""
        ...

    def build_from_arrays(self, x: object) -> None:
        """Build for the shapes of these arrays, for any batch size."""
        ...

    def batch_feeds(self, x: object) -> dict[str, Array]:
        """The arrays for each input, of the sizes that the model was built for."""
        ...

    def sized_feeds(self, x: object) -> tuple[dict[str, Array], Sizes | None]:
        """The arrays for each input, and their sizes if the model has not seen them."""
        ...

    def trace_outputs(
        self, b: Trace, *, training: bool, sizes: Sizes | None = None
    ) -> list[Traced]:
        """Trace the model onto inputs of a graph; the outputs as a flat list."""
        ...

    def trace_graph(
        self, *, batch: int | str | None = None
    ) -> tuple[Graph, Mapping[str, Variable]]:
        """The graph and the variable behind each param."""
        ...
