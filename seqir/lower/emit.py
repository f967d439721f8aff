"""The emitter: collects ONNX nodes and initializers under layer-derived names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqir import dtypes
from seqir.ir import Array
from seqir.ops.constant import FrozenArray


@dataclass
class OnnxNode:
    """One ONNX node before it is written; names may still be replaced."""

    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    source: str


@dataclass
class Emitter:
    """Writes nodes; see `seqir.ir.op.Emit`."""

    opset: int
    nodes: list[OnnxNode] = field(default_factory=list[OnnxNode])
    initializers: dict[str, Array] = field(default_factory=dict[str, Array])
    source: str = ""
    _taken: set[str] = field(default_factory=set[str])
    _constants: dict[FrozenArray, str] = field(default_factory=dict[FrozenArray, str])
    _made: dict[Any, str] = field(default_factory=dict[Any, str])

    def __call__(
        self, onnx_op: str, *inputs: str, outputs: int = 1, **attributes: Any
    ) -> str:
        return self.many(onnx_op, *inputs, outputs=outputs, **attributes)[0]

    def once(self, onnx_op: str, *inputs: str, **attributes: Any) -> str:
        key = (onnx_op, inputs, tuple(sorted(attributes.items())))
        if key not in self._made:
            self._made[key] = self(onnx_op, *inputs, **attributes)
        return self._made[key]

    def many(
        self, onnx_op: str, *inputs: str, outputs: int, **attributes: Any
    ) -> tuple[str, ...]:
        base = f"{self.source}/{onnx_op}" if self.source else onnx_op
        names = [self.fresh(base) for _ in range(outputs)]
        self.nodes.append(
            OnnxNode(onnx_op, list(inputs), names, attributes, self.source)
        )
        return tuple(names)

    def constant(self, array: Array | FrozenArray) -> str:
        frozen = array if isinstance(array, FrozenArray) else FrozenArray(array)
        if frozen not in self._constants:
            fallback = f"{self.source}/constant" if self.source else "constant"
            name = self.fresh(frozen.label or fallback)
            self._constants[frozen] = name
            self.initializers[name] = frozen.array
        return self._constants[frozen]

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float, dtype: str) -> str:
        return self.constant(np.array(value, dtypes.to_numpy(dtype)))

    def fresh(self, base: str) -> str:
        """A name that nothing has yet: ``base``, ``base_1``, ``base_2``, ..."""
        name, count = base, 0
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name
