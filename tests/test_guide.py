"""The Sequential guide, behaviour by behaviour, with its numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from corpus import blobs

import seqir as keras
from seqir import layers
from seqir.errors import GraphError, NotBuiltError


def three_layers() -> keras.Sequential:
    return keras.Sequential(
        [
            layers.Dense(2, activation="relu", name="layer1"),
            layers.Dense(3, activation="relu", name="layer2"),
            layers.Dense(4, name="layer3"),
        ]
    )


def rows(model: keras.Model) -> list[tuple[Any, int]]:
    from seqir.summary.summary import summary_of

    return [(row.output_shape, row.params) for row in summary_of(model).rows]


def plain(model: keras.Model) -> list[str]:
    text: list[str] = []
    model.summary(style="plain", print_fn=text.append)
    return "\n".join(text).splitlines()


def grown(steps: int = 3) -> keras.Sequential:
    """The 250x250x3 model, as far as the guide has grown it by then."""
    model = keras.Sequential()
    model.add(keras.Input(shape=(250, 250, 3)))
    model.add(layers.Conv2D(32, 5, strides=2, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(3))
    if steps > 1:
        for size in (3, 2):
            model.add(layers.Conv2D(32, 3, activation="relu"))
            model.add(layers.Conv2D(32, 3, activation="relu"))
            model.add(layers.MaxPooling2D(size))
    if steps > 2:
        model.add(layers.GlobalMaxPooling2D())
        model.add(layers.Dense(10))
    return model


def test_g01_a_stack_is_its_layers_one_after_the_other() -> None:
    model = three_layers()
    x = np.ones((3, 3))
    y = model(x)
    assert y.shape == (3, 4)
    layer1, layer2, layer3 = model.layers
    np.testing.assert_allclose(y, layer3(layer2(layer1(x))), rtol=1e-6)


def test_g02_a_layer_alone_builds_and_computes() -> None:
    layer = layers.Dense(3)
    x = np.array([[1.0, 2.0]], np.float32)
    y = layer(x)
    assert isinstance(y, np.ndarray)
    np.testing.assert_allclose(y, x @ layer.kernel.numpy(), rtol=1e-6)


def test_g03_layers_lists_all_but_the_input() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.Dense(1)])
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense"]


def test_g04_add_and_pop(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,))])
    for units in (2, 3, 4):
        model.add(layers.Dense(units))
    assert len(model.layers) == 3
    model.pop()
    assert len(model.layers) == 2
    assert model.output_shape == (None, 3)
    assert model.count_params() == 19
    assert rows(model) == [((None, 2), 10), ((None, 3), 9)]
    report = model.export(tmp_path / "m.onnx")
    assert report.outputs == {"dense_1": "f32[batch, 3]"}
    assert model(np.ones((1, 4))).shape == (1, 3)
    with pytest.raises(GraphError, match="has no layers to pop"):
        keras.Sequential().pop()


def test_g05_names_reach_everything(tmp_path: Path) -> None:
    model = keras.Sequential(name="my_sequential")
    model.add(keras.Input((4,)))
    model.add(layers.Dense(2, activation="relu", name="layer1"))
    model.add(layers.Dense(3, name="layer2"))
    assert plain(model)[0] == 'Model: "my_sequential"'
    assert model.get_layer("layer2") is model.layers[1]
    assert model.weights[0].path == "my_sequential/layer1/kernel"
    model.export(tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    assert proto.graph.name == "my_sequential"
    assert [n.name for n in proto.graph.node] == ["layer1/Gemm", "layer1", "layer2"]
    assert any("layer1" in p.value for p in proto.metadata_props)


def test_g06_weights_come_with_the_first_call(tmp_path: Path) -> None:
    layer = layers.Dense(3)
    assert layer.weights == []
    layer(np.ones((1, 4)))
    assert [w.shape for w in layer.weights] == [(4, 3), (3,)]
    model = three_layers()
    for use in (
        lambda: model.weights,
        model.summary,
        lambda: model.export(tmp_path / "m.onnx"),
    ):
        with pytest.raises(NotBuiltError, match=r"call it on an array.*build\("):
            use()
    model(np.ones((1, 4)))
    assert len(model.weights) == 6


def test_g07_summary_after_a_call() -> None:
    model = three_layers()
    model(np.ones((1, 4)))
    assert rows(model) == [((1, 2), 10), ((1, 3), 9), ((1, 4), 16)]
    lines = plain(model)
    assert "Total params: 35" in lines
    assert "Trainable params: 35" in lines
    assert "Non-trainable params: 0" in lines


def test_g08_an_input_first_builds_at_once() -> None:
    model = keras.Sequential()
    model.add(keras.Input(shape=(4,)))
    model.add(layers.Dense(2, activation="relu"))
    assert rows(model) == [((None, 2), 10)]
    assert [type(layer) for layer in model.layers] == [layers.Dense]


def test_g09_input_shape_on_the_first_layer() -> None:
    model = keras.Sequential()
    model.add(layers.Dense(2, activation="relu", input_shape=(4,)))
    assert rows(model) == [((None, 2), 10)]
    assert [type(layer) for layer in model.layers] == [layers.Dense]


FIRST = [((None, 123, 123, 32), 2432), ((None, 121, 121, 32), 9248),
         ((None, 40, 40, 32), 0)]  # fmt: skip
SECOND = [((None, 38, 38, 32), 9248), ((None, 36, 36, 32), 9248),
          ((None, 12, 12, 32), 0), ((None, 10, 10, 32), 9248),
          ((None, 8, 8, 32), 9248), ((None, 4, 4, 32), 0)]  # fmt: skip
THIRD = [((None, 32), 0), ((None, 10), 330)]


def test_g10_the_first_summary() -> None:
    model = grown(1)
    assert rows(model) == FIRST
    assert model.count_params() == 11_680


def test_g11_the_second_summary() -> None:
    model = grown(2)
    assert rows(model) == FIRST + SECOND
    assert model.count_params() == 48_672
    assert plain(model) == [
        'Model: "sequential"',
        "_" * 65,
        "Layer (type)                 Output Shape              Param #   ".rstrip(),
        "=" * 65,
        *_interleaved(
            "conv2d (Conv2D)              (None, 123, 123, 32)      2432",
            "conv2d_1 (Conv2D)            (None, 121, 121, 32)      9248",
            "max_pooling2d (MaxPooling2D) (None, 40, 40, 32)        0",
            "conv2d_2 (Conv2D)            (None, 38, 38, 32)        9248",
            "conv2d_3 (Conv2D)            (None, 36, 36, 32)        9248",
            "max_pooling2d_1 (MaxPooling2 (None, 12, 12, 32)        0",
            "conv2d_4 (Conv2D)            (None, 10, 10, 32)        9248",
            "conv2d_5 (Conv2D)            (None, 8, 8, 32)          9248",
            "max_pooling2d_2 (MaxPooling2 (None, 4, 4, 32)          0",
        ),
        "=" * 65,
        "Total params: 48,672",
        "Trainable params: 48,672",
        "Non-trainable params: 0",
        "_" * 65,
    ]


def _interleaved(*lines: str) -> list[str]:
    """The rows with a rule between each two."""
    return [x for line in lines for x in (line, "_" * 65)][:-1]


def test_g12_the_finished_model() -> None:
    model = grown(3)
    assert rows(model) == FIRST + SECOND + THIRD
    assert model.count_params() == 49_002
    assert model(np.zeros((2, 250, 250, 3))).shape == (2, 10)


def test_g13_automatic_names() -> None:
    assert [layer.name for layer in grown(2).layers] == [
        "conv2d", "conv2d_1", "max_pooling2d", "conv2d_2", "conv2d_3",
        "max_pooling2d_1", "conv2d_4", "conv2d_5", "max_pooling2d_2",
    ]  # fmt: skip
    assert [layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
    assert layers.ReLU().name == "re_lu"


def test_g14_inputs_and_outputs_are_symbolic_tensors() -> None:
    model = grown(1)
    assert model.inputs[0].shape == (None, 250, 250, 3)
    assert model.outputs[0].shape == (None, 40, 40, 32)
    first = model.layers[0]
    assert first.input.shape == (None, 250, 250, 3)
    assert first.output.shape == (None, 123, 123, 32)
    assert first.output.dtype == "float32"


def extractor_base() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(shape=(250, 250, 3)),
            layers.Conv2D(32, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu", name="my_intermediate_layer"),
            layers.Conv2D(32, 3, activation="relu"),
        ]
    )


def test_g15_features_of_all_layers() -> None:
    base = extractor_base()
    extractor = keras.Model(
        inputs=base.inputs, outputs=[layer.output for layer in base.layers]
    )
    x = np.ones((1, 250, 250, 3), np.float32)
    features = extractor(x)
    assert [f.shape for f in features] == [
        (1, 123, 123, 32), (1, 121, 121, 32), (1, 119, 119, 32),
    ]  # fmt: skip
    assert all(a is b for a, b in zip(extractor.weights, base.weights, strict=True))
    np.testing.assert_allclose(features[2], base(x), rtol=1e-5, atol=1e-6)


def test_g16_features_of_one_layer_hold_nothing_else(tmp_path: Path) -> None:
    base = extractor_base()
    extractor = keras.Model(
        inputs=base.inputs,
        outputs=base.get_layer(name="my_intermediate_layer").output,
    )
    x = np.ones((1, 250, 250, 3), np.float32)
    assert extractor(x).shape == (1, 121, 121, 32)
    extractor.export(tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    assert {n.name.split("/")[0] for n in proto.graph.node} == {
        "conv2d", "my_intermediate_layer",
    }  # fmt: skip
    assert {i.name for i in proto.graph.initializer} == {
        "conv2d/kernel", "conv2d/bias",
        "my_intermediate_layer/kernel", "my_intermediate_layer/bias",
    }  # fmt: skip


def test_g17_frozen_layers_stay_the_same_to_the_last_bit(tmp_path: Path) -> None:
    def network() -> keras.Sequential:
        return keras.Sequential(
            [
                keras.Input((784,)),
                layers.Dense(32, activation="relu"),
                layers.Dense(32, activation="relu"),
                layers.Dense(32, activation="relu"),
                layers.Dense(10),
            ]
        )

    pretrained = network()
    pretrained.save_weights(tmp_path / "pretrained.safetensors")
    model = network()
    model.load_weights(tmp_path / "pretrained.safetensors")
    for a, b in zip(model.get_weights(), pretrained.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for layer in model.layers[:-1]:
        layer.trainable = False
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = model.get_weights()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 784)).astype(np.float32)
    model.fit(x, rng.integers(0, 10, 64), epochs=2, verbose=0)
    same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(),
                                                 strict=True)]  # fmt: skip
    assert same == [True] * 6 + [False] * 2
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "Trainable params: 330" in text
    assert "Non-trainable params: 27,232" in text


@pytest.mark.slow
def test_g18_a_ready_made_backbone_with_weights_from_a_file(tmp_path: Path) -> None:
    assert keras.applications.Xception(weights=None).count_params() == 22_910_480
    source = keras.applications.Xception(
        weights=None, include_top=False, input_shape=(71, 71, 3), pooling="avg"
    )
    assert source.count_params() == 20_861_480
    path = tmp_path / "xception.weights.h5"
    source.save_weights(path)
    base = keras.applications.Xception(
        weights=path, include_top=False, input_shape=(71, 71, 3), pooling="avg"
    )
    base.trainable = False
    model = keras.Sequential([base, layers.Dense(1000)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    head = model.layers[-1].get_weights()
    x = np.random.default_rng(0).normal(size=(4, 71, 71, 3)).astype(np.float32)
    model.fit(x, np.arange(4), epochs=1, verbose=0)
    for a, b in zip(base.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(head, model.layers[-1].get_weights(), strict=True):
        assert not np.array_equal(a, b)


def classifier() -> keras.Sequential:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.1),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.02),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def test_g19_a_model_learns_is_evaluated_and_predicts() -> None:
    x, y = blobs()
    model = classifier()
    history = model.fit(x, y, batch_size=16, epochs=15, validation_split=0.25,
                        verbose=0)  # fmt: skip
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.epoch == list(range(15))
    assert history is model.history
    assert history.history["loss"][-1] < 0.3 * history.history["loss"][0]
    assert history.history["val_accuracy"][-1] > 0.95
    loss, accuracy = model.evaluate(x, y, verbose=0)
    predicted = model.predict(x, verbose=0)
    assert accuracy == pytest.approx((predicted.argmax(1) == y).mean())
    wanted = -np.log(predicted[np.arange(len(y)), y]).mean()
    assert loss == pytest.approx(wanted, rel=1e-4)
    assert model.metrics_names == ["loss", "accuracy"]
    as_dict = model.evaluate(x, y, verbose=0, return_dict=True)
    assert as_dict == {"loss": loss, "accuracy": accuracy}


def test_g20_weights_are_restored_and_a_training_goes_on(tmp_path: Path) -> None:
    x, y = blobs()
    whole = classifier()
    history = whole.fit(x, y, epochs=6, verbose=0).history
    first = classifier()
    first.fit(x, y, epochs=3, verbose=0, resume=tmp_path)
    again = classifier()  # as in another process
    resumed = again.fit(x, y, epochs=6, verbose=0, resume=tmp_path)
    assert resumed.history == history
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    again.save_weights(tmp_path / "weights.safetensors")
    other = classifier()
    other.load_weights(tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), whole.predict(x, verbose=0)
    )


def test_g20_a_model_is_saved_whole_and_restored(tmp_path: Path) -> None:
    x, y = blobs()
    model = classifier()
    model.fit(x, y, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        restored.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    for a, b in zip(
        restored.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(a.array, b.array)
    steps = int(model.optimizer.iterations.array)
    restored.fit(x, y, epochs=1, verbose=0)
    assert int(restored.optimizer.iterations.array) == steps + -(-len(x) // 32)
    model.save_weights(tmp_path / "model.weights.h5")
    other = classifier()
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), model.predict(x, verbose=0)
    )


class Two(layers.Layer):
    """Two outputs for one input."""

    def call(self, x: Any) -> Any:
        return x, x * 2.0


class NeedsTwo(layers.Layer):
    """Two inputs."""

    def call(self, x: Any, y: Any) -> Any:
        return x + y


def test_g22_what_is_no_stack_is_refused_and_the_functional_api_does_it() -> None:
    stack = keras.Sequential([keras.Input((4,)), Two()])
    with pytest.raises(GraphError, match=r"functional API, Model\(inputs, outputs\)"):
        stack.add(layers.Dense(2))
    with pytest.raises(GraphError, match=r"functional API, Model\(inputs, outputs\)"):
        keras.Sequential([keras.Input((4,)), NeedsTwo()])
    with pytest.raises(GraphError, match=r"functional API, Model\(inputs, outputs\)"):
        keras.Sequential([keras.Input((4,)), keras.Input((4,))])
    with pytest.raises(GraphError, match=r"functional API, Model\(inputs, outputs\)"):
        keras.Sequential([layers.Dense(2)]).build([(None, 4), (None, 3)])
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    once, twice = Two()(a)
    y = NeedsTwo()(once, layers.Dense(4)(b))
    model = keras.Model([a, b], [y, twice])
    left, right = model([np.ones((2, 4)), np.ones((2, 4))])
    assert left.shape == right.shape == (2, 4)
