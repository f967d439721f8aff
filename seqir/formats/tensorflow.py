"""Functions of TensorFlow in models of Keras 2, as the operations that Keras 3 has.

Keras 2 keeps ``x * 2 + y``, and every ``tf.`` function between layers, as layers of its
own: the name of the function, its first argument as the place of a tensor, and the
others by their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import accumulate
from typing import Any, Final, NamedTuple

import numpy as np

from seqir import dtypes
from seqir.errors import UnsupportedError
from seqir.formats import functions
from seqir.narrow import is_list, is_mapping

LAYERS: Final = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")

Entry = dict[str, Any]


class _Function(NamedTuple):
    """A function of `seqir.ops` that computes what one of TensorFlow does."""

    name: str
    parameters: dict[str, str]
    """Their names there and here, the one that is a place first."""
    constants: dict[str, object]
    """Arguments whose defaults differ."""


def _table() -> dict[str, _Function]:
    """The text as a table.

    A line has TensorFlow's names, ours, and TensorFlow's parameters, with ours behind
    them where they are called otherwise.
    """
    found: dict[str, _Function] = {}
    for line in _TEXT.strip().splitlines():
        theirs, ours, parameters = (part.strip() for part in line.split("|"))
        pairs = [p.partition("=")[::2] for p in parameters.split()]
        mapping = {there: here or there for there, here in pairs}
        for name in theirs.split():
            defaults = _DEFAULTS.get(name, {})
            found[name] = _Function(ours, mapping, defaults)
    return found


_DEFAULTS: Final[dict[str, dict[str, object]]] = {
    "math.argmax": {"axis": 0},
    "math.argmin": {"axis": 0},
    "math.cumsum": {"axis": 0},
    "compat.v1.gather": {"axis": 0},
    "nn.gelu": {"approximate": False},
    # There the sum of squares is at least 1e-12, here its root.
    "math.l2_normalize": {"axis": None, "epsilon": 1e-6},
}
_NEUTRAL: Final[dict[str, object]] = {
    "batch_dims": 0, "data_format": "NHWC", "off_value": 0, "on_value": 1,
    "ord": "euclidean", "sorted": True,
}  # fmt: skip
"""Values, besides None and False, of arguments that we do not have."""

_TEXT: Final = """
__operators__.add math.add    | add            | x=x1 y=x2
nn.bias_add                   | add            | value=x1 bias=x2
math.subtract                 | subtract       | x=x1 y=x2
math.multiply                 | multiply       | x=x1 y=x2
math.truediv                  | true_divide    | x=x1 y=x2
compat.v1.floor_div           | floor_divide   | x=x1 y=x2
math.floormod                 | mod            | x=x1 y=x2
math.pow                      | power          | x=x1 y=x2
math.maximum                  | maximum        | x=x1 y=x2
math.minimum                  | minimum        | x=x1 y=x2
math.greater                  | greater        | x=x1 y=x2
math.greater_equal            | greater_equal  | x=x1 y=x2
math.less                     | less           | x=x1 y=x2
math.less_equal               | less_equal     | x=x1 y=x2
math.equal                    | equal          | x=x1 y=x2
math.not_equal                | not_equal      | x=x1 y=x2
math.logical_and              | logical_and    | x=x1 y=x2
math.logical_or               | logical_or     | x=x1 y=x2
math.logical_not              | logical_not    | x
math.negative                 | negative       | x
math.abs                      | absolute       | x
math.sign                     | sign           | x
math.exp                      | exp            | x
math.log                      | log            | x
math.log1p                    | log1p          | x
math.sqrt                     | sqrt           | x
math.rsqrt                    | rsqrt          | x
math.square                   | square         | x
math.reciprocal               | reciprocal     | x
math.sin                      | sin            | x
math.cos                      | cos            | x
math.tanh                     | tanh           | x
math.sigmoid                  | sigmoid        | x
math.floor                    | floor          | x
math.ceil                     | ceil           | x
math.round                    | round          | x
math.erf                      | erf            | x
math.softplus                 | softplus       | features=x
nn.softsign                   | softsign       | features=x
nn.relu                       | relu           | features=x
nn.relu6                      | relu6          | features=x
nn.elu                        | elu            | features=x
nn.selu                       | selu           | features=x
nn.silu                       | silu           | features=x
nn.gelu                       | gelu           | features=x approximate
nn.leaky_relu                 | leaky_relu     | features=x alpha=negative_slope
nn.softmax                    | softmax        | logits=x axis
nn.log_softmax                | log_softmax    | logits=x axis
math.reduce_mean              | mean           | input_tensor=x axis keepdims
math.reduce_sum               | sum            | input_tensor=x axis keepdims
math.reduce_max               | max            | input_tensor=x axis keepdims
math.reduce_min               | min            | input_tensor=x axis keepdims
math.reduce_prod              | prod           | input_tensor=x axis keepdims
math.reduce_std               | std            | input_tensor=x axis keepdims
math.reduce_variance          | var            | input_tensor=x axis keepdims
math.reduce_any               | any            | input_tensor=x axis keepdims
math.reduce_all               | all            | input_tensor=x axis keepdims
math.reduce_logsumexp         | logsumexp      | input_tensor=x axis keepdims
compat.v1.norm                | norm           | tensor=x axis keepdims
math.l2_normalize             | normalize      | x axis
math.argmax                   | argmax         | input=x axis
math.argmin                   | argmin         | input=x axis
math.cumsum                   | cumsum         | x axis
math.top_k                    | top_k          | input=x k
linalg.matmul                 | matmul         | a=x1 b=x2
where                         | where          | condition x=x1 y=x2
clip_by_value                 | clip           | t=x clip_value_min=x_min clip_value_max=x_max
cast                          | cast           | x dtype
identity                      | copy           | input=x
stop_gradient                 | stop_gradient  | input=variable
zeros_like                    | zeros_like     | input=x
ones_like                     | ones_like      | input=x
reshape                       | reshape        | tensor=x shape=newshape
compat.v1.transpose           | transpose      | a=x perm=axes
expand_dims                   | expand_dims    | input=x axis
compat.v1.squeeze             | squeeze        | input=x axis
concat                        | concatenate    | values=xs axis
stack                         | stack          | values=x axis
unstack                       | unstack        | value=x num axis
split                         | split          | value=x num_or_size_splits=indices_or_sections axis
tile                          | tile           | input=x multiples=repeats
repeat                        | repeat         | input=x repeats axis
reverse                       | flip           | tensor=x axis
roll                          | roll           | input=x shift axis
compat.v1.pad                 | pad            | tensor=x paddings=pad_width mode constant_values
compat.v1.gather              | take           | params=x indices axis
one_hot                       | one_hot        | indices=x depth=num_classes axis dtype
"""  # noqa: E501
FUNCTIONS: Final = _table()
"""What a function of TensorFlow is here, by its name there."""


def operation(found: Mapping[str, Any]) -> Entry:
    """The operation that computes what an entry of `LAYERS` does.

    Raises: UnsupportedError if there is none, or it has no such argument.
    """
    config = found["config"]
    name = config.get("function", found["class_name"])
    function = FUNCTIONS.get(name)
    if found["class_name"] == "SlicingOpLambda":
        kind, call = "GetItem", _sliced
    elif function is not None:
        _, kind = functions.stored_as(function.name)
        call = partial(_called, name, function, _float(config.get("dtype")))
    else:
        raise _refusal(
            name, "seqir has none that does the same; put a layer there, and save again"
        )
    return {
        "module": "keras.ops",
        "class_name": kind,
        "config": {"name": config.get("name")},
        "name": found.get("name"),
        "inbound_nodes": [call(node) for node in found.get("inbound_nodes", ())],
    }


def _called(
    name: str, function: _Function, dtype: str, node: Mapping[str, Any]
) -> Entry:
    """A call, with all arguments by our names."""
    (first,) = node["args"]
    there, *_ = function.parameters
    arguments = dict(function.constants)
    for key, value in {there: first, **node["kwargs"]}.items():
        here = function.parameters.get(key)
        if here is not None:
            operand = functions.is_operand(function.name, here)
            arguments[here] = _constant(value, dtype) if operand else value
        elif key != "name" and not _is_neutral(key, value):
            raise _refusal(name, f"seqir has no {key}={value!r} in {function.name}")
    return {"args": [], "kwargs": _as_ours(name, arguments)}


def _is_neutral(key: str, value: object) -> bool:
    return value is None or value is False or value == _NEUTRAL.get(key)


def _float(dtype: object) -> str:
    """The element type of numbers beside tensors, which a layer says."""
    known = isinstance(dtype, str) and dtypes.is_float(dtype)
    return str(dtype) if known else "float32"


def _constant(value: object, dtype: str) -> object:
    """An operand that is an array; one number adapts itself."""
    if not is_list(value) or any(is_mapping(v) for v in value):
        return value
    whole = np.asarray(value).dtype.kind in "iub"
    kept = {"value": value, "dtype": "int32" if whole else dtype}
    return {"class_name": "__numpy__", "config": kept}


def _as_ours(name: str, arguments: dict[str, object]) -> dict[str, object]:
    """Values that are said otherwise in TensorFlow."""
    if name == "compat.v1.pad":
        mode = str(arguments.get("mode", "CONSTANT")).lower()
        value = arguments.get("constant_values") if mode == "constant" else None
        return {**arguments, "mode": mode, "constant_values": value}
    sizes = arguments.get("indices_or_sections")
    if name == "split" and is_list(sizes):
        return {**arguments, "indices_or_sections": [*accumulate(sizes[:-1])]}
    return arguments


def _sliced(node: Mapping[str, Any]) -> Entry:
    """``x[key]``; a slice is stored as the dictionary of its ends."""
    spec = node["kwargs"]["slice_spec"]
    keys = spec if is_list(spec) else [spec]
    return {"args": [*node["args"], [_key(key) for key in keys]], "kwargs": {}}


def _key(key: object) -> Any:
    ends = is_mapping(key) and "start" in key
    return {"class_name": "__slice__", "config": key} if ends else key


def _refusal(name: object, why: str) -> UnsupportedError:
    return UnsupportedError(f"it calls the TensorFlow function {name!r:.80}: {why}")
