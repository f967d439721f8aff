"""A model that is ready to run."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar, Final, NoReturn, Self

import numpy as np

from seqir import lower
from seqir.errors import ArgumentError, DeviceError, RunError, UnsupportedError
from seqir.ir import Graph
from seqir.narrow import is_dict, is_mapping
from seqir.plain import is_array
from seqir.runtime import engine
from seqir.runtime.device import Device, resolve
from seqir.runtime.process import Native, make_room
from seqir.runtime.refusal import clean, find_fault, numpy_name
from seqir.runtime.values import to_array, to_ort
from seqir.shapes import format_shape

_NOWHERE: Final = os.path.join(os.devnull, "external data is given as arrays")
"""A folder that cannot exist, so that no file is read in place of a missing array."""

_FOLDER: Final = "session.model_external_initializers_file_folder_path"

_INHERITED: Final = (
    "the session was made by the parent of this process: a forked child has to make "
    "its own, as models and layers do"
)

_SLOWER: Final = frozenset({"SkipLayerNormFusion"})
"""Fusions that onnxruntime's processor kernels lose by.

The kernel for a sum and its layer normalization takes up to 8 times as long as the two
kernels, and its variance is a difference of squares, of which little is left where
means are large.
"""

_threads: int | None = None


def set_threads(n: int | None) -> None:
    """Set how many threads a session uses that is not told; None: onnxruntime decides.

    Sessions that exist already keep theirs.

    Raises: ArgumentError unless `n` is None or a positive integer.
    """
    global _threads
    _threads = _checked(n)


def get_threads() -> int | None:
    """How many threads a session uses that is not told."""
    return _threads


class Session(Native):
    """A model that is ready to run on one device; any thread may call `run`.

    Attributes:
        device: the name of the device, for example ``cpu`` or ``cuda:0``.
        input_names: what `run` must be given.
        output_names: what `run` returns, in this order.
    """

    __slots__ = (
        "_arrays",
        "_call",
        "_names",
        "_session",
        "_wide",
        "device",
        "input_names",
        "output_names",
    )

    changes_state: ClassVar[bool] = False
    """Whether a run changes variables."""

    device: str
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    def __init__(
        self,
        model: bytes,
        initializers: Mapping[str, np.ndarray] | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
        optimize: bool = True,
        plan_memory: bool = True,
    ) -> None:
        """Make a session of a serialized model.

        Args:
            model: a serialized ModelProto.
            initializers: arrays for the initializers that the model marks as external
                data, whatever their location. Do not write to them while the session
                lives: whether onnxruntime copies them is its affair.
            device: see `seqir.runtime.resolve`.
            threads: for one operator; None takes the value of `set_threads`.
            optimize: whether onnxruntime may rewrite the graph.
            plan_memory: whether onnxruntime takes all memory of a run at once from the
                second run on; it keeps that of the first one, too.

        Raises:
            ArgumentError: `threads` or `device` is no such thing.
            DeviceError: the device does not work.
            MissingPackageError: there is no onnxruntime.
            RunError: onnxruntime refuses the model.
        """
        self._open(
            bytes(model), initializers or {}, device, threads, optimize, plan_memory
        )

    @classmethod
    def of_graph(
        cls,
        graph: Graph,
        *,
        opset: int | None = None,
        device: str = "auto",
        threads: int | None = None,
        optimize: bool = True,
    ) -> Self:
        """A session of a graph without updates, lowered as it is.

        Raises: what `Session` and `seqir.lower.lower` raise.
        """
        model, arrays = lower.split(lower.lower(graph, opset=opset))
        return cls(model, arrays, device=device, threads=threads, optimize=optimize)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        device: str = "auto",
        threads: int | None = None,
        optimize: bool = True,
    ) -> Self:
        """A session of a model file; its external data lies beside it.

        Raises: what `Session` raises; RunError also if there is no such file.
        """
        self = cls.__new__(cls)
        self._open(os.fspath(path), {}, device, threads, optimize)
        return self

    def run(
        self, feeds: Mapping[str, np.ndarray], held: Mapping[str, Any] | None = None
    ) -> list[np.ndarray]:
        """The outputs for these inputs, as arrays that belong to the caller.

        `held` are inputs that are values of onnxruntime already (`Held.values`).

        Raises: RunError if an input does not fit or the computation fails, or if
            another process has made the session.
        """
        if not self.usable:
            raise RunError(_INHERITED)
        try:
            for array in feeds.values():
                # onnxruntime would read swapped bytes as values without a word.
                if not array.dtype.isnative:
                    raise TypeError("array in foreign byte order")
            if held is not None:
                return self._call(self._names, {**feeds, **held})
            return self._call(self._names, feeds if is_dict(feeds) else {**feeds})
        except Exception as error:
            fed = None if held is None else list(feeds)
            raise RunError(self.why(error, feeds, fed)) from error

    def described_inputs(self) -> list[Any]:
        """What onnxruntime says of the inputs: names, types and shapes."""
        return self._session.get_inputs()

    def binding(self) -> Any:
        """A new set of bound inputs and outputs, for `run_bound`."""
        return self._session.io_binding()

    def run_bound(self, binding: object) -> None:
        """Run from bound inputs to bound outputs, as `run`."""
        if not self.usable:
            raise RunError(_INHERITED)
        self._session.run_with_iobinding(binding)

    def natives(self) -> Iterable[object]:
        """The session of onnxruntime, with its threads."""
        return (self._session,)

    def __reduce__(self) -> NoReturn:
        raise UnsupportedError(
            "a Session holds memory of one process and device and cannot be pickled "
            "or copied; make one from the model where it is needed"
        )

    def __repr__(self) -> str:
        """Names of inputs and outputs, and the device."""
        arrow = f"{', '.join(self.input_names)} -> {', '.join(self.output_names)}"
        return f"<Session {arrow} on {self.device}>"

    def _open(
        self,
        model: bytes | str,
        initializers: Mapping[str, np.ndarray],
        device: str,
        threads: int | None,
        optimize: bool,
        plan_memory: bool = True,
    ) -> None:
        count = _checked(threads) if threads is not None else _threads
        ort = engine.load()
        make_room()
        target = resolve(device)
        options = _options(ort, target, count, optimize)
        if not plan_memory:
            options.enable_mem_pattern = False
        if isinstance(model, bytes):
            options.add_session_config_entry(_FOLDER, _NOWHERE)
        try:
            # Not add_initializer, which does share memory: it puts the array back in
            # where the optimizer has transposed it, and the values are wrong.
            self._arrays = {k: to_ort(ort, a) for k, a in initializers.items()}
            options.add_external_initializers(
                list(self._arrays), list(self._arrays.values())
            )
            session = ort.InferenceSession(
                model,
                options,
                providers=target.providers,
                enable_fallback=0,
                disabled_optimizers=_SLOWER if target.kind == "cpu" else frozenset(),
            )
        except Exception as error:
            text = f"onnxruntime could not load the model: {clean(error)}"
            raise RunError(text) from error
        got = session.get_providers()[0]
        if got != target.provider:
            raise DeviceError(
                f"the model was to run on {target.name} and onnxruntime took {got}"
            )
        inputs, outputs = session.get_inputs(), session.get_outputs()
        self.device = target.name
        self.input_names = tuple(each.name for each in inputs)
        self.output_names = tuple(each.name for each in outputs)
        self._names = list(self.output_names)
        self._session = session
        self.adopt()
        self._wide = {x.name for x in inputs if numpy_name(x.type) == "bfloat16"}
        exotic = self._wide or any(numpy_name(y.type) == "bfloat16" for y in outputs)
        self._call = self._run_bfloat16 if exotic else session.run

    def _run_bfloat16(
        self, names: list[str], feeds: Mapping[str, object]
    ) -> list[np.ndarray]:
        """Run by OrtValues, since `InferenceSession.run` has no bfloat16 arrays."""
        for name in self._wide:
            array = feeds[name]
            if is_array(array) and array.dtype.name != "bfloat16":
                raise TypeError(f"{name} is not bfloat16")
        ort = engine.load()
        values = {
            name: to_ort(ort, x) if is_array(x) else x for name, x in feeds.items()
        }
        return [to_array(v) for v in self._session.run_with_ort_values(names, values)]

    def why(
        self, error: Exception, feeds: object, fed: Sequence[str] | None = None
    ) -> str:
        """One sentence for a run that failed; `fed` are the inputs that feeds fill."""
        if not is_mapping(feeds):
            return f"run takes a dict of arrays by input name, not {type(feeds)}"
        optional = [x.name for x in self._session.get_overridable_initializers()]
        inputs = self.described_inputs()
        if fed is not None:
            inputs = [x for x in inputs if x.name in fed]
        found = find_fault(inputs, optional, feeds)
        if found:
            return found
        fed_with = ", ".join(
            f"{x.name} {format_shape(np.shape(feeds[x.name]))}" for x in inputs
        )
        return f"onnxruntime could not run the model with {fed_with}: {clean(error)}"


def _checked(threads: int | None) -> int | None:
    """The number of threads as an int."""
    if threads is None:
        return None
    try:
        count = operator.index(threads)
    except TypeError:
        count = 0
    if count < 1 or isinstance(threads, bool):
        raise ArgumentError(f"threads is {threads!r}; use a positive integer or None")
    return count


_SPIN = "50"
"""Microseconds that a thread waits in a loop for its next part of the work.

ONNX Runtime's threads wait so for much longer, and take the core from whatever else
could run: docs/performance.md has the times.
"""


def _options(
    ort: ModuleType, target: Device, threads: int | None, optimize: bool
) -> Any:
    """The options of a session."""
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, not printed as well
    options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN)
    if threads is not None:
        options.intra_op_num_threads = threads
    if not optimize:
        level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    if target.kind == "directml":
        options.enable_mem_pattern = False
    return options
