"""The layer: arguments that are declared, weights, a `call`, and a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seqir import dtype_policies, naming, nest, regularizers
from seqir.errors import ArgumentError
from seqir.fields import declared as declared_fields
from seqir.ir import current_builder
from seqir.layer import (
    arguments,
    checks,
    configuration,
    declared,
    eager,
    fields,
    recorded,
)
from seqir.layer.calling import Calling
from seqir.layer.keeping import Keeping
from seqir.layer.keywords import Keywords
from seqir.layer.scope import once
from seqir.narrow import is_a
from seqir.ops.call import is_symbolic, record
from seqir.ops.tensor import Traced
from seqir.plain import python


class Layer(Calling, Keywords, Keeping):
    """A function of tensors with weights.

    Subclass it, make weights in `build` with `add_weight`, and compute in `call` with
    `seqir.ops` and Python's operators. Arguments are either declared as fields::

        class Scale(Layer):
            factor: float = 1.0

            def build(self, input_shape):
                self.gain = self.add_weight(shape=input_shape[-1:], initializer="ones")

            def call(self, x):
                return x * self.gain * self.factor

    or taken in an ``__init__`` of your own that passes ``**kwargs`` on.

    Called on arrays a layer runs at once; on tensors of a model it becomes part of
    the model; inside another layer's `call` it is traced with it.
    """

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "build" in own:
            cls.build = once(cls.build)
        if "compute_mask" in own and "supports_masking" not in own:
            cls.supports_masking = True
        fields.declare(cls)
        recorded.declare(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A layer that attributes can be set on, even before ``super().__init__()``."""
        layer = object.__new__(cls)
        made_with = recorded.of_call(cls, args, kwargs)
        layer.__dict__["_layer_state"] = cls._state_type(made_with)
        return layer

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        activity_regularizer: Any = None,
        autocast: bool = True,
        **kwargs: Any,
    ) -> None:
        kind, trainable = type(self).__name__, python(trainable)
        if kwargs.keys() - fields.BASE_KEYWORDS:
            fields.check_known(kind, kwargs, fields.known_to(type(self)))
        if not is_a(trainable, bool):
            raise ArgumentError(
                f"Expected trainable to be a boolean, got {trainable!r}"
            )
        state = self._layer_state
        state.trainable = trainable
        self.name = naming.auto_name(kind) if name is None else naming.check_name(name)
        self.dtype_policy = dtype
        state.autocast = autocast
        state.activity_regularizer = regularizers.get(activity_regularizer)
        state.input_shape = arguments.legacy_input_shape(kwargs)

    # What a subclass fills in, beside `build` and `call`.

    def setup(self) -> None:
        """Check and normalize the fields; called once they are set."""

    # Calling.

    def __call__(self, *args: object, **kwargs: object) -> Any:
        checks.check_positional(self, args)
        leaves = nest.flatten((args, kwargs))
        if any(map(is_symbolic, leaves)):
            outputs = record(self, args, kwargs)
            declared.compare(self, args, kwargs, outputs)
            return outputs
        if any(isinstance(x, Traced) for x in leaves) or current_builder():
            return self.trace(*args, **kwargs)
        return self.run(*args, **kwargs)

    def run(self, *args: object, **kwargs: object) -> Any:
        """Compute on arrays, with ONNX Runtime."""
        return eager.run(self, args, kwargs)

    # Configuration.

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal, unbuilt layer.

        Those of an ``__init__`` of your own are in it as they were given, unless you
        define `get_config` yourself.

        Raises: UnsupportedError if one of them is more than plain data.
        """
        config = self._described()
        if type(self).get_config is Layer.get_config and type(self)._is_recorded:
            return recorded.config(self, config)
        return config

    def _described(self) -> dict[str, object]:
        """The arguments that seqir's class knows of, as plain data."""
        base = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            base["activity_regularizer"] = regularizers.serialize(
                self.activity_regularizer
            )
        return base | self._config_of(declared_fields(type(self)))

    def _config_of(self, names: Iterable[str]) -> dict[str, object]:
        """These arguments as plain data."""
        return {name: configuration.plain(name, getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, object]) -> Any:
        """The layer that `get_config` (or that of Keras) describes.

        Raises: UnsupportedError for what only Keras's layer of that name can be.
        """
        return configuration.made(cls, config)
