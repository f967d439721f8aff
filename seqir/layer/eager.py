"""Running a layer on arrays on its own: traced, lowered and kept per input type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqir import dtypes, nest
from seqir.errors import DTypeError
from seqir.ir import SEED, STEP, Array, Trace
from seqir.layer import masks
from seqir.layer.calling import Calling
from seqir.layer.checks import check_arrays
from seqir.layer.state import Stateful, state_of, walk
from seqir.ops import changes
from seqir.ops.apply import as_array
from seqir.ops.eager import eager
from seqir.ops.masks import with_masks
from seqir.ops.tensor import Traced
from seqir.ops.variable import Variable
from seqir.plain import is_array
from seqir.tensortype import type_of

_KEEP = 16


def run(layer: Calling, args: Any, kwargs: Any) -> Any:
    """Call the layer on arrays; weights are fed, so that changing them costs nothing.

    Raises: DTypeError if an argument is not an array of numbers.
    """
    from seqir import runtime

    check_arrays(layer, args, kwargs)
    given = nest.flatten(masks.of((args, kwargs)))
    given = [None if mask is None else as_array(mask) for mask in given]
    args = nest.map_structure(lambda x: _array(x, layer), args)
    kwargs = {k: _array(v, layer) if is_array(v) else v for k, v in kwargs.items()}
    every = (args, kwargs, given)
    leaves = [x for x in nest.flatten(every) if is_array(x)]
    types = nest.map_structure(lambda x: str(type_of(x)) if is_array(x) else x, every)
    sessions = state_of(layer).sessions
    key = str((types, revisions(walk(layer))))
    if key not in sessions or not sessions[key][0].usable:
        if len(sessions) >= _KEEP:
            sessions.pop(next(iter(sessions)), None)  # or another thread did
        prepared = _prepare(layer, *every)
        key = str((types, revisions(walk(layer))))  # tracing may have built layers
        sessions[key] = prepared
    session, fed, structure, carriers = sessions[key]
    feeds = {f"input_{i}": x for i, x in enumerate(leaves)}
    held = runtime.Held(fed)
    if STEP in session.input_names:
        feeds[SEED], feeds[STEP] = layer.next_key()
    try:
        read = [name for name in session.input_names if name not in fed]
        results = session.run({name: feeds[name] for name in read}, held.values)
    finally:
        held.release()
    if session.changes_state:
        changes.tick()
    count = len(nest.flatten(structure))
    end = count + len(carriers)
    state_of(layer).losses = results[end:]
    return nest.pack(structure, eager(with_masks(results[:end], carriers)))


def revisions(layers: Iterable[Stateful]) -> tuple[Any, ...]:
    """Others when one of the layers changes in anything but weights.

    The second half is what is trained: it may come back, the first never does.
    """
    inside = list(layers)
    own = (v.trainable for inner in inside for v in state_of(inner).variables)
    trained = (*(state_of(inner).trainable for inner in inside), *own)
    return tuple(state_of(inner).revision for inner in inside), trained


def _prepare(layer: Calling, args: Any, kwargs: Any, given: list[Any]) -> Any:
    """What runs the layer: session, weights that it is fed, structure of the outputs,
    and the places of those that have masks, which follow them.
    """
    from seqir import passes, runtime

    b = Trace(layer.name)
    count = 0

    def traced(x: object) -> Any:
        nonlocal count
        if not is_array(x):
            return x
        count += 1
        return Traced(b, b.input(f"input_{count - 1}", type_of(x)))

    with b.active():
        args, kwargs, given = nest.map_structure(traced, (args, kwargs, given))
        args, kwargs = masks.put_on((args, kwargs), given, layer.name)
        result = layer.trace(*args, **kwargs)
    outputs: list[Traced] = nest.flatten(result)
    named = {f"output_{i}": y.value for i, y in enumerate(outputs)}
    carried = {i: y.mask for i, y in enumerate(outputs) if y.mask is not None}
    named |= {f"mask_{i}": mask.value for i, mask in carried.items()}
    graph = b.finish(named | {f"loss_{i}": v for i, v in enumerate(b.losses)})
    graph = passes.run(graph, passes.STRUCTURE)
    variables: dict[str, Variable] = {name: v for v, name in b.bindings.items()}
    session = runtime.session_of(graph, variables, device="cpu")
    fed = {name: v for name, v in variables.items() if name in session.input_names}
    return session, fed, result, list(carried)


def _array(x: Any, layer: Calling) -> Any:
    if x is None or isinstance(x, str | bool | int | float):
        return x
    try:
        array: Array = as_array(x)
    except DTypeError as error:
        error.add_note(f"in layer {layer.name!r}")
        raise
    name = dtypes.canonical(array.dtype)
    wanted = layer.inputs_cast_to
    if wanted and dtypes.is_float(name) and name != wanted:
        with np.errstate(over="ignore"):  # float16 has infinity for what is too large
            return array.astype(dtypes.to_numpy(wanted))
    return array
