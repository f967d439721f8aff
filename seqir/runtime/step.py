"""Running a graph that changes its own state, again and again, on one device.

The state lies on the device in slots. A slot has two buffers: a run reads one and
writes the other, then they change roles. So a run never writes what it still reads,
and no number crosses the border of the device unless someone looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np

from seqir import dtypes
from seqir.errors import RunError
from seqir.ir import Array
from seqir.ops.changes import claim, together
from seqir.runtime import engine
from seqir.runtime.device import resolve
from seqir.runtime.session import Session
from seqir.runtime.slot import HOST, Buffer, DeviceSlot
from seqir.runtime.values import to_array, to_ort
from seqir.tensortype import TensorType

_KEEP: Final = 4
"""Bindings that are kept: one for each role of the buffers."""


class StepSession:
    """A model whose inputs are a batch and state, its outputs results and new state.

    Attributes:
        session: the session that runs it.
        slots: state tensors by the names of the inputs that read them.
    """

    def __init__(
        self,
        model: bytes,
        initializers: Mapping[str, Array],
        slots: Mapping[str, DeviceSlot],
        updates: Mapping[str, str],
        results: Mapping[str, TensorType],
        *,
        fresh: Sequence[str] = (),
        in_place: Collection[str] = (),
        plan_memory: bool = True,
        optimize: bool = True,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Make a session.

        Args:
            model: a serialized ModelProto.
            initializers: as for `Session`.
            slots: the state, by input name.
            updates: the output that is the new value of an input, by input name.
            results: outputs of known shape to be read after each run, in order.
            fresh: other outputs, of any shape: new arrays of `advance`, or what
                `run_with` hands on.
            in_place: inputs whose new values may be written where they are read.
            plan_memory: as for `Session`.
            optimize: as for `Session`.
            device: where the slots are.
            threads: as for `Session`.

        Raises: what `Session` raises.
        """
        self.session = Session(
            model,
            initializers,
            device=device,
            threads=threads,
            plan_memory=plan_memory,
            optimize=optimize,
        )
        ort = engine.load()
        self._updates = dict(updates)
        self._fresh = list(fresh)
        self._in_place = frozenset(in_place)
        self._use(slots)
        self._fed = [n for n in self.session.input_names if n not in self.slots]
        self._results: list[Array] = []
        self._result_values: list[tuple[str, object]] = []
        for name, type in results.items():
            shape = tuple(d for d in type.shape if isinstance(d, int))
            array = np.zeros(shape, dtypes.to_numpy(type.dtype))
            self._results.append(array)
            self._result_values.append((name, to_ort(ort, array)))
        self._remote = resolve(device).kind not in HOST

    def place(self, slots: Mapping[str, DeviceSlot]) -> None:
        """Work on the state in these slots from now on."""
        if slots != self.slots:
            self._use(slots)

    def _use(self, slots: Mapping[str, DeviceSlot]) -> None:
        self.slots = dict(slots)
        self._written: list[Buffer] = []
        self._claimed = frozenset(slots.values())
        self._changing = [
            (slots[name], out, name in self._in_place)
            for name, out in self._updates.items()
        ]
        self._bindings: dict[tuple[Buffer, ...], object] = {}

    @property
    def fed(self) -> Sequence[str]:
        """The inputs that every run must be given."""
        return self._fed

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """Run once: the state moves on; the results, in memory that the next run takes.

        Raises: RunError if an input does not fit or the computation fails; the state
            is then as it was.
        """
        with claim(self._claimed):
            self._advance(feeds)
        return self._results

    def advance(
        self, feeds: Mapping[str, Array], held: Mapping[str, object]
    ) -> list[Array]:
        """Run once, inside of a claim on the slots; the fresh outputs.

        `held` are inputs that are values of onnxruntime already.

        Raises: as `run`.
        """
        return [to_array(v) for v in self._fresh_values(self._advance(feeds, held))]

    def _fresh_values(self, binding: Any) -> Sequence[object]:
        if not self._fresh:
            return ()
        values = binding.get_outputs()
        return values[len(values) - len(self._fresh) :]

    def run_with(
        self,
        feeds: Mapping[str, Array],
        update: StepSession,
        go_on: Callable[[list[Array]], bool],
    ) -> list[Array]:
        """Run once, and then another session on results of this one, by their names.

        `go_on` decides by the results whether that one runs. Nobody else changes the
        state in between; where it is written in place, nobody reads it meanwhile.

        Raises: as `run`. If the memory runs out in the second one, part of the state
            may be new.
        """
        with claim(self._claimed | update._claimed):
            binding = self._advance(feeds)
            if go_on(self._results):
                given = zip(self._result_values, self._results, strict=True)
                held = dict(zip(self._fresh, self._fresh_values(binding), strict=True))
                with together():
                    update._advance({name: array for (name, _), array in given}, held)
        return self._results

    def _advance(
        self, feeds: Mapping[str, Array], held: Mapping[str, object] | None = None
    ) -> Any:
        try:
            binding = self._binding()
            for name in self._fed:
                if held is not None and name in held:
                    binding.bind_ortvalue_input(name, held[name])
                else:
                    binding.bind_cpu_input(name, feeds[name])
            for name in self._fresh:  # those of the last run have its shapes
                binding.bind_output(name)
            if self._remote:
                binding.synchronize_inputs()
            self.session.run_bound(binding)
            if self._remote:
                binding.synchronize_outputs()
        except Exception as error:
            raise RunError(self.session.why(error, feeds, self._fed)) from error
        self._show()
        return binding

    def undo(self) -> None:
        """Go back to the state before the last run, once; nothing else may have run."""
        with claim(self._claimed), together():
            for slot, _, _ in self._changing:
                slot.show(slot.spare)

    def _show(self) -> None:
        with together():
            for (slot, _, _), buffer in zip(self._changing, self._written, strict=True):
                slot.show(buffer)

    def _binding(self) -> Any:
        """What reads the present buffers and writes the others."""
        with together():
            buffers = [slot.current for slot in self.slots.values()]
            self._written = [
                slot.current if in_place and not slot.current.readers else slot.spare
                for slot, _, in_place in self._changing
            ]
        roles = (*buffers, *self._written)
        binding = self._bindings.get(roles)
        if binding is None:
            if len(self._bindings) == _KEEP:  # buffers were replaced
                self._bindings.clear()
            binding = self._bindings[roles] = self._bind()
        return binding

    def _bind(self) -> object:
        binding = self.session.binding()
        for name, slot in self.slots.items():
            binding.bind_ortvalue_input(name, slot.current.value)
        for (_, output, _), buffer in zip(self._changing, self._written, strict=True):
            binding.bind_ortvalue_output(output, buffer.value)
        for name, value in self._result_values:
            binding.bind_ortvalue_output(name, value)
        return binding
