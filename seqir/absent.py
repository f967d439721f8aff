"""Names that Keras has and seqir has not, each with what to use.

The functions of ``keras.ops`` have a list of their own, `seqir.ops.refused`.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from seqir.errors import AbsentError

_COPIED = (
    "build the same layers here and copy the weights with set_weights, or write a "
    "Layer that computes it with seqir.ops"
)
_QUANTIZED = (
    "models are not quantized here; quantize the exported file with "
    "onnxruntime.quantization"
)
_BOXES = "pictures are not drawn here; matplotlib draws images and boxes on them"
_LEGACY = (
    "optimizers of Keras 2 became those of keras.optimizers: use the same name there"
)
_ONE_BACKEND = "everything runs on ONNX Runtime, there is no other backend to choose"
_ABSENT: Final[dict[str, dict[str, str]]] = {
    "": {
        "Quantizer distillation distribution quantizers": _QUANTIZED,
        "Function": "keras.Model(inputs, outputs) does the same",
        "Operation": (
            "derive from keras.layers.Layer: without weights it is an operation, and "
            "its call takes arrays and tensors of a model"
        ),
        "StatelessScope": (
            "read variables with numpy(), write them with assign, and compute steps of "
            "your own with seqir.gradient in a train_step, which is one compiled graph"
        ),
        "SymbolicScope": (
            "call layers on keras.Input tensors to learn shapes without numbers"
        ),
        "visualization": _BOXES,
        "legacy": "what was of Keras 2 is read from files alone",
    },
    "backend": {
        "gradients": "seqir.gradient(loss, variables) gives them in a train_step",
        "rnn": "layers.RNN runs a cell over time, ops.scan any function",
        "conv2d_transpose": "ops.conv_transpose takes an output_padding instead",
        "ctc_batch_cost ctc_label_dense_to_sparse": (
            "use losses.ctc, which takes labels filled up with 0 and logits"
        ),
        "ctc_decode": "take the largest class of each step and merge repetitions",
        "binary_focal_crossentropy categorical_focal_crossentropy": (
            "seqir.losses has them"
        ),
    },
    "callbacks": {
        "OrbaxCheckpoint": "use BackupAndRestore, or fit(..., resume='folder')",
    },
    "config": {
        "set_backend": _ONE_BACKEND,
        "enable_unsafe_deserialization": "no file is ever trusted with code here",
        "enable_flash_attention disable_flash_attention": (
            "there is one attention, which the runtime fuses where it can"
        ),
    },
    "dtype_policies": {
        "AWQDTypePolicy GPTQDTypePolicy Int4DTypePolicy "
        "QuantizedDTypePolicy QuantizedFloat8DTypePolicy": _QUANTIZED,
    },
    "export": {"ExportArchive": "use model.export('name.onnx')"},
    "layers": {
        "FlaxLayer JaxLayer": f"it runs a function of JAX; {_COPIED}",
        "TFSMLayer": (
            "it runs a SavedModel of TensorFlow; save that model as .keras or .h5 and "
            "read it with load_model, or convert it to ONNX and run it beside this one"
        ),
        "TorchModuleWrapper": f"it runs a module of PyTorch; {_COPIED}",
    },
    "optimizers.legacy": {"Adagrad Adam Ftrl Optimizer RMSprop SGD": _LEGACY},
    "saving": {
        "KerasFileEditor": "load_model(path), change the model, and model.save(path)",
    },
    "utils": {
        "legacy": "what was of Keras 2 is read from files alone",
    },
}
ABSENT: Final = {
    f"{module}.{name}".lstrip("."): reason
    for module, groups in _ABSENT.items()
    for names, reason in groups.items()
    for name in names.split()
}
"""The reason for each name, ``layers.LSTM``."""


_PURE = (
    "a call, a step and an update are one compiled graph here, and their state is in "
    "the variables: use {instead}, and read and assign variables"
)
_COMPILED = "a {step} is compiled by itself: say what it does in {step}(self, data)"
FUNCTIONS: Final = {
    "make_predict_function": _COMPILED.format(step="predict_step"),
    "make_test_function": _COMPILED.format(step="test_step"),
    "make_train_function": _COMPILED.format(step="train_step"),
}
"""Methods of Keras's models that make its functions; nothing here calls them."""
METHODS: Final = FUNCTIONS | {
    "fit_generator": "fit takes generators, too",
    "evaluate_generator": "evaluate takes generators, too",
    "predict_generator": "predict takes generators, too",
    "add_metric": (
        "give metrics to compile(metrics=[...]), or make one in __init__ and call its "
        "update_state in call"
    ),
    "get_state_tree": "get_weights, optimizer.variables and save_checkpoint have it",
    "set_state_tree": "set_weights, assign of variables and load_checkpoint do it",
    "stateless_apply": _PURE.format(instead="apply"),
    "stateless_call": _PURE.format(instead="a call"),
    "stateless_compute_loss": _PURE.format(instead="train_on_batch or test_on_batch"),
    "stateless_reset_state": _PURE.format(instead="reset_state"),
    "stateless_result": _PURE.format(instead="result"),
    "stateless_update_state": _PURE.format(instead="update_state"),
}
"""The reason for each method of layers, models, metrics and optimizers."""


def attribute(owner: object, name: str) -> Any:
    """For ``__getattr__``: the attribute, or why it is not there and what to use.

    Raises: AbsentError for a method of Keras, AttributeError for any other name.
    """
    if name in METHODS:
        kind = type(owner).__name__
        raise AbsentError(f"{kind} has no {name}: {METHODS[name]}")
    return object.__getattribute__(owner, name)


def refuse(module: str, name: str) -> NoReturn:
    """Say why a module does not have a name, and what to use.

    `module` is the name of the module below ``seqir``, ``""`` for itself.

    Raises: AbsentError for a name of Keras, AttributeError for any other.
    """
    full = f"{module}.{name}".lstrip(".")
    if full in ABSENT:
        raise AbsentError(f"seqir has no {full}: {ABSENT[full]}")
    where = f"seqir.{module}".rstrip(".")
    raise AttributeError(f"module {where!r} has no attribute {name!r}")
