"""Wrong uses: each has one clear sentence that says what is wrong and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import errors, layers, ops
from seqir.errors import (
    ArgumentError,
    DeviceError,
    DTypeError,
    GraphError,
    NotBuiltError,
    ShapeError,
    UnsupportedError,
)


def image_model() -> seqir.Sequential:
    return seqir.Sequential([seqir.Input((8, 8, 3)), layers.Conv2D(4, 3)], name="m")


def two_inputs() -> seqir.Model:
    a, b = seqir.Input((4,), name="a"), seqir.Input((4,), name="b")
    return seqir.Model([a, b], layers.Add()([a, b]), name="two")


def on(shape: tuple[Any, ...], layer: Callable[[], layers.Layer]) -> Any:
    return lambda: seqir.Sequential([seqir.Input(shape), layer()])


def ones(*shape: int) -> Any:
    return np.ones(shape, np.float32)


CASES: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    # Arguments of layers.
    ("units below zero", lambda: layers.Dense(-3), ArgumentError,
     "units must be an integer >= 1, got -3"),
    ("units of zero", lambda: layers.Dense(0), ArgumentError, "units must be an int"),
    ("units as text", lambda: layers.Dense("3"), ArgumentError, "got '3'"),
    ("unknown activation", lambda: layers.Dense(3, activation="rellu"), ArgumentError,
     "unknown activation 'rellu'. Did you mean 'relu'"),
    ("unknown keyword", lambda: layers.Dense(3, activaton="relu"), ArgumentError,
     "passed to Dense: .*activaton.*Did you mean 'activation'"),
    ("missing argument", lambda: layers.Dense(), ArgumentError,
     "Dense needs the argument 'units'"),
    ("an argument twice", lambda: layers.Dense(3, units=3), ArgumentError,
     "argument 'units' twice"),
    ("too many arguments", lambda: layers.Activation("relu", 3), ArgumentError,
     "Activation takes 1 positional"),
    ("unknown initializer", lambda: layers.Dense(3, kernel_initializer="glort")
     .build((None, 2)), ArgumentError, "glort"),
    ("a name with a slash", lambda: layers.Dense(3, name="a/b"), ArgumentError,
     "without '/'"),
    ("a name that is a number", lambda: layers.Dense(3, name=3), ArgumentError,
     "must be a non-empty string"),
    ("trainable as text", lambda: layers.Dense(3, trainable="no"), ArgumentError,
     "Expected trainable to be a boolean"),
    ("unknown dtype", lambda: layers.Dense(3, dtype="flot32"), DTypeError,
     "Did you mean 'float32'"),
    ("a kernel of zero", lambda: layers.Conv2D(4, 0), ArgumentError,
     "kernel_size must be an integer >= 1"),
    ("a kernel of three numbers", lambda: layers.Conv2D(4, (3, 3, 3)), ArgumentError,
     "kernel_size must be an integer >= 1 or 2 of them"),
    ("strange padding", lambda: layers.Conv2D(4, 3, padding="full"), ArgumentError,
     "padding must be 'valid' or 'same', got 'full'"),
    ("causal in 2-D", lambda: layers.Conv2D(4, 3, padding="causal"), ArgumentError,
     "padding must be 'valid' or 'same', got 'causal'"),
    ("strides and dilation", lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2),
     ArgumentError, "cannot both be greater than 1"),
    ("groups and filters", lambda: layers.Conv2D(5, 3, groups=2), ArgumentError,
     "must be divisible by groups"),
    ("data format", lambda: layers.Conv2D(4, 3, data_format="NCHW"), ArgumentError,
     "data_format must be 'channels_last' or"),
    ("dropout above one", lambda: layers.Dropout(1.5), ArgumentError,
     "rate must be a number from 0 to 1"),
    ("permute", lambda: layers.Permute((1, 3)), ArgumentError, "dims must order"),
    ("crop pairs", lambda: layers.Cropping2D((1, 2, 3)), ArgumentError,
     "cropping must be an integer"),
    ("negative pad", lambda: layers.ZeroPadding2D(-1), ArgumentError, "padding must"),
    ("interpolation", lambda: layers.UpSampling2D(2, interpolation="area"),
     ArgumentError, "interpolation must be 'nearest', 'bilinear' or"),
    ("a negative slope", lambda: layers.LeakyReLU(-1.0), ArgumentError,
     "must be a number >= 0"),
    ("embedding size", lambda: layers.Embedding(-1, 2), ArgumentError,
     "input_dim must be an integer >= 1"),
    ("dot axes", lambda: layers.Dot((1, 2, 3)), ArgumentError, "or 2 of them"),
    # Shapes.
    ("window too large", on((5, 5, 3), lambda: layers.MaxPooling2D(6)), ShapeError,
     "window of 6 does not fit into a size of 5"),
    ("kernel too large", on((5, 5, 3), lambda: layers.Conv2D(4, 7)), ShapeError,
     "window of 7 does not fit"),
    ("wrong rank", on((5, 3), lambda: layers.Conv2D(4, 3)), ShapeError,
     r"expected ndim=4, found ndim=3. Full shape received: \(None, 5, 3\)"),
    ("dense on rank 1", lambda: layers.Dense(3)(ones(4)), ShapeError, "min_ndim=2"),
    ("unknown last axis", on((None,), lambda: layers.Dense(3)), ShapeError,
     "size of the last axis"),
    ("unknown channels", on((5, 5, None), lambda: layers.Conv2D(4, 3)), ShapeError,
     "needs to know the channels"),
    ("groups and channels", on((5, 5, 3), lambda: layers.Conv2D(4, 3, groups=2)),
     ShapeError, "must be divisible by groups"),
    ("reshape", on((6,), lambda: layers.Reshape((4,))), ShapeError,
     "cannot be reshaped to target_shape"),
    ("permute rank", on((6,), lambda: layers.Permute((2, 1))), ShapeError,
     "needs an input of rank 3"),
    ("crop everything", on((4, 4, 1), lambda: layers.Cropping2D(2)), ShapeError,
     "leaves nothing of axis 1"),
    ("merge", lambda: layers.Add()([seqir.Input((3,)), seqir.Input((4,))]), ShapeError,
     "Inputs of layer 'add' have incompatible shapes"),
    ("concatenate", lambda: layers.Concatenate()([seqir.Input((3, 2)),
     seqir.Input((4, 2))]), ShapeError, "incompatible shapes"),
    ("merge of one tensor", lambda: layers.Add()(seqir.Input((3,))), ArgumentError,
     "called on a list"),
    ("other features", lambda: layer_built_for_4()(ones(2, 5)), ShapeError,
     r"expected axis -1 .* value 4, .* shape \(2, 5\)"),
    # Models.
    ("one layer, no list", lambda: seqir.Sequential(layers.Dense(2)), ArgumentError,
     r"write Sequential\(\[layer\]\)"),
    ("no layer", lambda: seqir.Sequential([lambda x: x]), ArgumentError,
     "Only instances of Layer"),
    ("a class, no layer", lambda: seqir.Sequential([layers.Flatten]), ArgumentError,
     "Only instances of Layer"),
    ("names twice", lambda: seqir.Sequential([layers.Dense(1, name="a"),
     layers.Dense(1, name="a")]), GraphError, "should have unique names. Name 'a'"),
    ("input in the middle", lambda: seqir.Sequential([layers.Dense(1),
     seqir.Input((4,))]), GraphError, "an Input must come first"),
    ("two inputs in a stack", lambda: seqir.Sequential([seqir.Input((4,)),
     seqir.Input((4,))]), GraphError, "You cannot add a different Input"),
    ("pop of nothing", lambda: seqir.Sequential().pop(), GraphError,
     "no layers to pop"),
    ("build of nothing", lambda: seqir.Sequential().build((None, 4)), GraphError,
     "cannot be built because it has no layers"),
    ("build another shape", lambda: image_model().build((None, 9, 9, 3)), ShapeError,
     "already been configured to use input shape"),
    ("build without batch", lambda: seqir.Sequential([layers.Dense(1)]).build(4),
     ArgumentError, r"such as \(None, 4\)"),
    ("weights unbuilt", lambda: seqir.Sequential([layers.Dense(1)]).weights,
     NotBuiltError, "call it on an array"),
    ("count unbuilt", lambda: layers.Dense(1).count_params(), NotBuiltError,
     "isn't built"),
    ("output unbuilt", lambda: layers.Dense(1).output, NotBuiltError,
     "has never been called"),
    ("outputs unbuilt", lambda: seqir.Sequential([layers.Dense(1)]).outputs,
     NotBuiltError, "has no defined outputs yet"),
    ("unknown layer", lambda: image_model().get_layer("conv2b"), ArgumentError,
     "No such layer: conv2b. Existing layers are:.* Did you mean"),
    ("layer out of range", lambda: image_model().get_layer(index=3), ArgumentError,
     "index 3 but model only has 1 layers"),
    ("name and index", lambda: image_model().get_layer("a", 1), ArgumentError,
     "only a layer name or a layer index"),
    ("neither name nor index", lambda: image_model().get_layer(), ArgumentError,
     "either a layer name or layer index"),
    ("disconnected", lambda: disconnected(), GraphError, "they also need 'x'"),
    ("no tensors", lambda: seqir.Model(ones(2), ones(2)), ArgumentError,
     "must be KerasTensors"),
    ("no inputs", lambda: seqir.Model([], []), ArgumentError, "Model needs inputs"),
    ("setting layers", lambda: setattr(image_model(), "layers", []), ArgumentError,
     r"Use add\(\) and pop\(\)"),
    ("slice of nothing", lambda: image_model().slice("dense"), ArgumentError,
     "no layer of model 'm' matches outputs='dense'"),
    ("slice by a bad pattern", lambda: image_model().slice("conv["), ArgumentError,
     "is not a regular expression"),
    ("input size", lambda: seqir.Input((-1,)), ArgumentError, "must not be negative"),
    ("input of nothing", lambda: seqir.Input(), ArgumentError, "needs shape="),
    ("input size as float", lambda: seqir.Input((2.5,)), ArgumentError,
     "integer or None, got 2.5"),
    ("input named badly", lambda: seqir.Input(("a b",)), ShapeError, "identifier"),
    ("sparse input", lambda: seqir.Input((4,), sparse=True), UnsupportedError, "dense"),
    # Arrays.
    ("rank of an image", lambda: image_model()(ones(8, 8)), ShapeError,
     r"Expected shape \(None, 8, 8, 3\), .* shape \(8, 8\)"),
    ("channels of an image", lambda: image_model()(ones(1, 8, 8, 4)), ShapeError,
     "Invalid input shape for input"),
    ("objects", lambda: image_model()(np.array([[None]], object)), DTypeError,
     "takes float32, got an array of object"),
    ("texts", lambda: image_model()(np.array(["a"])), DTypeError, "got text"),
    ("complex", lambda: image_model()(np.ones((1, 8, 8, 3), complex)), DTypeError,
     "cannot be complex"),
    ("a list of numbers", lambda: image_model()([1.0, 2.0]), ArgumentError,
     "wrap it in numpy.asarray"),
    ("no array", lambda: image_model()(None), ArgumentError, "takes an array"),
    ("no input at all", lambda: image_model()(), ArgumentError, "without an input"),
    ("one of two inputs", lambda: two_inputs()(ones(2, 4)), ArgumentError,
     r"has 2 inputs \(a, b\), got one array"),
    ("three of two inputs", lambda: two_inputs()([ones(2, 4)] * 3), ArgumentError,
     "has 2 inputs"),
    ("a dict without b", lambda: two_inputs()({"a": ones(2, 4)}), ArgumentError,
     "the given dict lacks 'b'"),
    ("a dict with c", lambda: two_inputs()({"a": ones(2, 4), "b": ones(2, 4), "c": 1}),
     ArgumentError, "has no input named 'c'"),
    ("lengths", lambda: two_inputs().predict([ones(2, 4), ones(3, 4)]), ShapeError,
     "different numbers of samples"),
    ("batch size of zero", lambda: image_model().predict(ones(1, 8, 8, 3), 0),
     ArgumentError, "batch_size must be an integer >= 1"),
    ("verbose", lambda: image_model().predict(ones(1, 8, 8, 3), verbose="loud"),
     ArgumentError, "verbose must be"),
    ("unknown device", lambda: image_model().predict(ones(1, 8, 8, 3), device="gpux"),
     ArgumentError, "is not a device"),
    ("absent device", lambda: image_model().predict(ones(1, 8, 8, 3),
     device="tensorrt"), DeviceError, "does not work"),
    # Tensors.
    ("truth of a tensor", lambda: bool(seqir.Input((4,))), DTypeError,
     "is not known while a model is built"),
    ("walking a tensor", lambda: list(seqir.Input((4,))), TypeError,
     "cannot be iterated over"),
    ("numbers of a tensor", lambda: np.asarray(seqir.Input((4,))), DTypeError,
     "has no numbers yet"),
    ("matmul", lambda: seqir.Input((4,)) @ ones(5, 2), ShapeError,
     "inner sizes to agree, got 4 .* and 5"),
    ("index out of range", lambda: seqir.Input((4,))[:, 4], ShapeError,
     "index 4 is out of range for axis 1"),
    ("a tensor from outside", lambda: tensor_from_outside(), GraphError,
     "cannot be used inside a layer's call"),
    ("floatx", lambda: seqir.config.set_floatx("int8"), ArgumentError, "floatx must"),
    ("no super().__init__", lambda: NoInit()(ones(1, 2)), ArgumentError,
     r"call super\(\).__init__\(\)"),
    ("no call", lambda: layers.Layer()(ones(2, 2)), NotImplementedError,
     "Layer has no call method"),
]  # fmt: skip


def layer_built_for_4() -> layers.Layer:
    layer = layers.Dense(2)
    layer(ones(1, 4))
    return layer


def disconnected() -> seqir.Model:
    x, y = seqir.Input((4,), name="x"), seqir.Input((4,), name="y")
    return seqir.Model(y, layers.Add()([x, y]))


def tensor_from_outside() -> Any:
    outside = seqir.Input((4,))

    class Uses(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.add(x, outside)

    return seqir.Sequential([seqir.Input((4,)), Uses()])


class NoInit(layers.Layer):
    def __init__(self) -> None:
        self.units = 3


@pytest.mark.parametrize(
    ("use", "error", "match"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_wrong_use(use: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        use()
    text = errors.explain(caught.value)
    assert "\n" not in text
    assert len(str(caught.value)) > 15


def test_errors_name_the_layer() -> None:
    with pytest.raises(ShapeError) as caught:
        seqir.Sequential(
            [seqir.Input((5, 5, 3)), layers.MaxPooling2D(6, name="shrink")]
        )
    assert "in layer 'shrink' (MaxPooling2D)" in errors.explain(caught.value)


def test_a_failed_add_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = image_model()
    before = model.to_ir()
    with pytest.raises(ShapeError):
        model.add(layers.MaxPooling2D(9))
    assert len(model.layers) == 1
    assert model.to_ir() == before
    model.add(layers.Flatten())
    assert model.export(tmp_path / "m.onnx").errors


def test_a_failed_build_leaves_no_weights() -> None:
    model = seqir.Sequential([layers.Dense(3), layers.Conv2D(2, 3)])
    with pytest.raises(ShapeError):
        model(ones(2, 4))
    assert not model.built
    model.pop()
    assert model(ones(2, 5)).shape == (2, 3)


def test_a_failed_set_weights_changes_nothing() -> None:
    model = image_model()
    before = model.get_weights()
    with pytest.raises(ShapeError, match="weight list of length 1"):
        model.set_weights([before[0]])
    with pytest.raises(ShapeError, match=r"of shape \(4,\) is not compatible"):
        model.set_weights([before[0] + 1, ones(5)])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_an_empty_batch_works() -> None:
    model = image_model()
    assert model(np.ones((0, 8, 8, 3))).shape == (0, 6, 6, 4)
    assert model.predict(np.ones((0, 8, 8, 3)), verbose=0).shape == (0, 6, 6, 4)


def test_all_errors_have_one_root() -> None:
    for name in ("ShapeError", "DTypeError", "NotBuiltError", "MissingPackageError"):
        assert issubclass(getattr(errors, name), errors.SeqirError)
