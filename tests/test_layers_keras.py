"""Every layer is Keras's layer: numbers, weights, shapes, names, arguments."""

import inspect
from typing import Any

import numpy as np
import pytest
from layer_pairs import CLASSES, Pair, close, make, make_keras
from layer_samples import MERGING, SAMPLES, LayerSample

import seqir
from seqir import layers, nest, passes
from seqir.ir import evaluate, verify
from seqir.network.base import arrays_of
from tools import layers_table

jax = pytest.importorskip("jax")
jax.config.update("jax_disable_most_optimizations", True)  # one call per compilation
keras = pytest.importorskip("keras")
from keras.src.backend.common import dtypes as keras_dtypes  # noqa: E402

SAMPLED = {CLASSES[name].__name__ for sample in SAMPLES for name in sample.layers()}
SAID = layers_table.differences_of(layers_table.PAGE.read_text())
NOT_SAMPLED = {"Input", "InputLayer", "Lambda", "Layer", "Wrapper"}
OF_TENSORFLOW = {
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "StringLookup",
    "TextVectorization",
}
"""What Keras computes with TensorFlow alone: see the tests of lookups and of text."""
IN_TWO_PARTS = {
    "lora_rank",
    "lora_alpha",
    "quantization_config",
    "gptq_unpacked_column_size",
}
NOT_SHAPED = (
    "SeparableConv1D(3,3,padding=causal",  # Keras fails
    "glu)",  # Keras forgets that it halves the last axis
    "EinsumDense",  # Keras says less than is known, or another order
    "Pipeline",  # Keras says nothing
)


def test_every_layer_has_a_sample() -> None:
    missing = {cls.__name__ for cls in CLASSES.values()} - SAMPLED - NOT_SAMPLED
    missing -= OF_TENSORFLOW
    assert not missing


def test_samples_have_different_names() -> None:
    names = [sample.id for sample in SAMPLES]
    assert len(set(names)) == len(names)


@pytest.fixture(scope="module", params=SAMPLES, ids=lambda s: s.id)
def pair(request: Any) -> Any:
    """One after the other: all tests of a sample run before the next is made."""
    with pytest.MonkeyPatch.context() as patch:
        if "float64" in request.param.id:
            # Keras keeps 64-bit types on TensorFlow only, seqir always does.
            patch.setattr(keras_dtypes, "BIT64_TO_BIT32_DTYPE", {})
        yield Pair(request.param)


def test_output_is_that_of_keras(pair: Pair) -> None:
    close(pair.found, pair.wanted)


def test_difference_is_as_the_page_says(pair: Pair) -> None:
    if "float16" not in pair.sample.id:
        assert layers_table.difference(pair) <= float(SAID[pair.sample.layer])


def test_weights_are_those_of_keras(pair: Pair) -> None:
    def facts(layer: Any) -> list[Any]:
        return [(w.name, tuple(w.shape), str(w.dtype), w.trainable) for w in layer]

    assert facts(pair.mine.weights) == facts(pair.theirs.weights)
    for kind in ("trainable_weights", "non_trainable_weights"):
        mine, keras_ = getattr(pair.mine, kind), getattr(pair.theirs, kind)
        assert [w.name for w in mine] == [w.name for w in keras_]
    assert pair.mine.count_params() == pair.theirs.count_params()


def shape_variants(sample: LayerSample) -> list[Any]:
    """Known sizes, an unknown batch, and unknown sizes where the layer allows them."""
    full = [tuple(shape) for shape in sample.shapes]
    variants = [full, [(None, *s[1:]) for s in full]]
    spatial = "Conv" in sample.layer or "Pooling" in sample.layer
    if spatial and "LSTM" not in sample.layer:
        first = sample.kwargs.get("data_format") == "channels_first"
        (s,) = full
        free = (None,) * (len(s) - 2)
        variants.append([(None, s[1], *free) if first else (None, *free, s[-1])])
    single = len(full) == 1 and sample.layer not in MERGING
    return [v[0] if single else v for v in variants]


def test_output_shape_is_that_of_keras(pair: Pair) -> None:
    sample = pair.sample
    for shape in shape_variants(sample):
        mine = make(sample)
        found = mine.compute_output_shape(*(shape if sample.spread else [shape]))
        if any(word in sample.id for word in NOT_SHAPED):
            full = pair.wanted.shape
            assert found == tuple(
                n if d is not None else None for d, n in zip(found, full, strict=True)
            )
        else:
            given = shape if sample.spread else [shape]
            wanted = make_keras(sample).compute_output_shape(*given)
            assert nest.flatten(found) == nest.flatten(wanted)
        assert not mine.built
        assert not mine.calls


def test_layer_in_a_model(pair: Pair) -> None:
    """As a node of a graph: interpreted, optimized, and run by ONNX Runtime."""
    sample = pair.sample
    if sample.layer == "Concatenate" and sample.kwargs.get("axis") == 0:
        pytest.skip("the batch axis of a model is one size")
    inputs = [seqir.Input(s[1:], dtype=sample.dtype) for s in sample.shapes]
    output = sample.called(pair.mine, inputs)
    for tensor, array in zip(
        nest.flatten(output), nest.flatten(pair.found), strict=True
    ):
        assert tensor.dtype == array.dtype
        assert tensor.shape == (None, *array.shape[1:])
    model = seqir.Model(inputs, output)
    close(model(pair.x), pair.found)
    graph, variables = model.trace_graph(batch="batch")
    verify(graph)
    feeds = dict(zip(model.input_names, pair.x, strict=True))
    close([*evaluate(graph, feeds, arrays_of(variables)).values()], pair.wanted)
    bound = passes.bind(graph, arrays_of(variables))
    best = passes.run(bound, passes.INFERENCE, check=True)
    close([*evaluate(best, feeds).values()], pair.wanted)


STACKABLE = [
    s
    for s in SAMPLES
    if s.layer not in MERGING and s.high is None and not s.call and len(s.shapes) == 1
]


@pytest.mark.parametrize("sample", STACKABLE[::7], ids=lambda s: s.id)
def test_layer_in_a_sequential_model(sample: LayerSample) -> None:
    layer, x = make(sample), sample.inputs()
    wanted = layer(x)
    model = seqir.Sequential([make(sample)])
    shapes = [[y.shape for y in nest.flatten(ys)] for ys in (model(x), wanted)]
    assert shapes[0] == shapes[1]
    model.set_weights(layer.get_weights())
    close(model(x), wanted)


def test_configuration_round_trips(pair: Pair) -> None:
    config = pair.mine.get_config()
    again = type(pair.mine).from_config(config)
    assert repr(again.get_config()) == repr(config)


def test_masks_go_through_the_same_layers(pair: Pair) -> None:
    assert pair.mine.supports_masking == pair.theirs.supports_masking


def test_automatic_names_are_those_of_keras() -> None:
    keras.utils.clear_session(free_memory=False)
    first = {sample.layer: sample for sample in reversed(SAMPLES)}
    for sample in [*first.values()] * 3:
        assert make(sample).name == make_keras(sample).name


def parameters(callable_: Any) -> dict[str, Any]:
    """Names and defaults; a number stands for itself repeated, names are lower case."""
    found = {}
    for p in inspect.signature(callable_).parameters.values():
        if p.name == "self" or p.kind in (p.VAR_KEYWORD, p.KEYWORD_ONLY):
            continue
        default = p.default
        if isinstance(default, list | tuple) and len({str(d) for d in default}) == 1:
            default = default[0]
        if isinstance(default, list | tuple) and len(set(default)) == 1:
            default = default[0]
        found[p.name] = default.lower() if isinstance(default, str) else default
    return found


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"Layer"}))
def test_arguments_are_those_of_keras(name: str) -> None:
    wanted = parameters(getattr(keras.layers, name).__init__)
    ours = IN_TWO_PARTS | ({"name", "dtype"} if name.startswith("Spatial") else set())
    wanted = {k: v for k, v in wanted.items() if k not in ours}
    found = parameters(CLASSES[name])
    for hidden in {"rms_scaling", "seed"} - wanted.keys():
        found.pop(hidden, None)  # which Keras takes without saying so
    assert list(found.items()) == list(wanted.items())


@pytest.mark.parametrize("name", ["Input", "add", "concatenate", "dot"])
def test_functions_have_the_arguments_of_keras(name: str) -> None:
    mine = parameters(getattr(layers, name))
    assert list(mine.items()) == list(parameters(getattr(keras.layers, name)).items())


def test_aliases_are_those_of_keras() -> None:
    for name, cls in CLASSES.items():
        assert cls.__name__ == getattr(keras.layers, name).__name__


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "average", "maximum", "minimum"]
)
def test_functional_twins_of_merging_layers(name: str) -> None:
    xs = [np.float32([[1, 2]]), np.float32([[3, -4]])]
    wanted = np.asarray(getattr(keras.layers, name)(xs))
    np.testing.assert_allclose(getattr(layers, name)(xs), wanted)
    inputs = [seqir.Input((2,)), seqir.Input((2,))]
    model = seqir.Model(inputs, getattr(layers, name)(inputs))
    np.testing.assert_allclose(model(xs), wanted)


def test_concatenate_and_dot_as_functions() -> None:
    xs = [np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)]
    assert layers.concatenate(xs).shape == (2, 6)
    assert layers.concatenate(xs, axis=0).shape == (4, 3)
    np.testing.assert_allclose(layers.dot(xs, axes=1), [[3], [3]])


@pytest.mark.parametrize(
    "layer",
    [
        layers.LayerNormalization(),
        layers.PReLU(alpha_initializer="ones"),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Softmax(),
        layers.ELU(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_integers_are_computed_with_as_fractions(layer: Any) -> None:
    """Where Keras truncates or wraps around."""
    x = np.random.default_rng(0).integers(0, 9, (2, 3, 4, 2)).astype(np.uint8)
    found = layer(x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, layer(x.astype(np.float32)))


@pytest.mark.parametrize("name", ["Conv2D", "DepthwiseConv2D", "Conv2DTranspose"])
def test_convolutions_of_integers_are_refused(name: str) -> None:
    layer = CLASSES[name](*([2, 2] if name != "DepthwiseConv2D" else [2]))
    with pytest.raises(TypeError, match="takes floating-point numbers, got uint8"):
        layer(np.ones((1, 4, 4, 2), np.uint8))
