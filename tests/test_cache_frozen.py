"""Features of a frozen front are computed once, and nothing that is trained changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import callbacks, layers, ops
from seqir.errors import (
    ArgumentError,
    GraphError,
    NonFiniteLossError,
    UnsupportedError,
)
from seqir.train.front import Front

RNG = np.random.default_rng(0)
X = RNG.normal(size=(75, 8, 8, 1)).astype(np.float32)
Y = (X.mean((1, 2, 3)) > 0).astype(np.int32) + (X[:, 0, 0, 0] > 1)
SIZES = {"batch_size": 16, "validation_split": 0.1}
"""67 samples and 8 to validate: the last batch of an epoch has 3."""

Make = Callable[[], Any]
BASES: dict[str, Make] = {}
HEADS: dict[str, Make] = {}


def base(make: Make) -> Make:
    BASES[make.__name__] = make
    return make


def head(make: Make) -> Make:
    HEADS[make.__name__] = make
    return make


@base
def cnn() -> Any:
    return [
        layers.Conv2D(8, 3, activation="relu", padding="same"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]


@base
def mobile() -> Any:
    return [
        layers.Rescaling(0.5),
        layers.Conv2D(16, 1, use_bias=False),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.Activation("swish"),
    ]


@base
def dense() -> Any:
    return [
        layers.Flatten(),
        layers.Dense(33, activation="gelu"),
        layers.LayerNormalization(),
        layers.Reshape((3, 11, 1)),
    ]


@head
def linear() -> Any:
    return [
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.3),
        layers.Dense(3, activation="softmax"),
    ]


@head
def convolution() -> Any:
    return [
        layers.Conv2D(8, 2, kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]


def network(base: Make = cnn, head: Make = linear, optimizer: Any = "adam") -> Any:
    """A model with a frozen backbone whose statistics are those of some data."""
    seqir.utils.set_random_seed(3)
    backbone = seqir.Sequential([seqir.Input((8, 8, 1)), *base()], name="backbone")
    rng = np.random.default_rng(1)
    for w in backbone.weights:
        if "moving" in w.name:
            w.assign(rng.uniform(0.5, 1.5, w.shape))
    backbone.trainable = False
    model = seqir.Sequential([backbone, *head()], name="net")
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def train(model: Any, cache: Any, **options: Any) -> tuple[Any, list[Any]]:
    """What a training reports, and all the numbers that it ends with."""
    given = {"epochs": 3, "verbose": 0, **SIZES, **options}
    history = model.fit(X, Y, cache_frozen=cache, **given)
    return history.history, state(model)


def state(model: Any) -> list[Any]:
    return [*model.get_weights(), *(v.array for v in model.optimizer.variables)]


def same(found: Any, wanted: Any) -> None:
    assert found[0] == wanted[0]
    assert len(found[1]) == len(wanted[1])
    for a, b in zip(found[1], wanted[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all batches that fronts have computed."""
    sizes: list[int] = []
    run = Front.run

    def counted(self: Any, feeds: Any) -> Any:
        sizes.append(len(next(iter(feeds.values()))))
        return run(self, feeds)

    monkeypatch.setattr(Front, "run", counted)
    return sizes


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("base", BASES)
def test_the_same_bits_with_and_without(base: str, head: str) -> None:
    make = BASES[base], HEADS[head]
    wanted = train(network(*make), None)
    assert wanted[0]["loss"][-1] < wanted[0]["loss"][0]
    same(train(network(*make), "memory"), wanted)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 1, "epochs": 2},
        {"batch_size": 67},
        {"batch_size": 500},
        {"shuffle": False},
        {"shuffle": "batch", "batch_size": 11},
        {"steps_per_epoch": 2, "batch_size": 17},
        {"validation_split": 0.0, "validation_data": (X[:21], Y[:21])},
        {"validation_batch_size": 3, "validation_freq": 2},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
        {"sample_weight": np.linspace(0, 1, 75)},
        {"callbacks": [callbacks.EarlyStopping("loss", patience=0, min_delta=9.0,
                                               restore_best_weights=True)]},
        {"callbacks": [callbacks.ReduceLROnPlateau("loss", 0.5, 1, min_delta=9.0)]},
    ],
    ids=lambda options: "-".join(options),
)  # fmt: skip
def test_every_way_to_feed_a_training(options: Any) -> None:
    same(train(network(), "memory", **options), train(network(), None, **options))


def test_each_sample_passes_the_backbone_once(runs: list[int]) -> None:
    model = network()
    train(model, "memory", epochs=7)
    # The stand-ins of 1 sample, 67 and 8 samples, then the two sizes once more each.
    assert sum(runs) == 4 + 67 + 8 + (16 + 3) + 8
    before = len(runs)
    model.evaluate(X, Y, verbose=0)
    assert len(runs) == before


def test_a_second_training_goes_on(runs: list[int]) -> None:
    """Weights, optimizer and random numbers are those of two uncached calls."""
    one, other = network(), network()
    for cache, model in ((None, one), ("memory", other)):
        train(model, cache)
        model.fit(X, Y, epochs=1, verbose=0)  # without it, in between
        train(model, cache)
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


def split_model() -> Any:
    """Two inputs; the raw image and two frozen layers are read by what is trained."""
    seqir.utils.set_random_seed(3)
    image, extra = seqir.Input((8, 8, 1), name="image"), seqir.Input((2,), name="extra")
    first = layers.Conv2D(4, 3, padding="same", trainable=False, name="first")(image)
    second = layers.Conv2D(4, 3, padding="same", trainable=False, name="second")(first)
    own = layers.Conv2D(4, 3, padding="same")(image)
    y = layers.GlobalAveragePooling2D()(layers.Add()([first, second, own]))
    y = layers.Dense(3, activation="softmax")(layers.Concatenate()([y, extra]))
    model = seqir.Model([image, extra], y, name="split")
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_a_cut_through_several_tensors() -> None:
    x = {"image": X, "extra": RNG.normal(size=(75, 2)).astype(np.float32)}
    found: list[Any] = []
    for cache in (None, "memory"):
        model = split_model()
        history = model.fit(x, Y, epochs=2, verbose=0, cache_frozen=cache, **SIZES)
        found.append((history.history, state(model)))
    same(*found)


def test_random_numbers_end_the_front(runs: list[int]) -> None:
    def noisy() -> Any:
        return [*cnn(), layers.Dropout(0.5), layers.Conv2D(8, 3, padding="same")]

    same(train(network(noisy), "memory"), train(network(noisy), None))
    train(network(noisy), "memory")
    assert runs


def test_what_is_trained_in_the_middle_ends_the_front() -> None:
    found: list[Any] = []
    for cache in (None, "memory"):
        model = network()
        backbone = model.layers[0]
        backbone.layers[4].trainable = True
        model.compile("adam", "sparse_categorical_crossentropy")
        before = backbone.layers[4].get_weights()
        found.append(train(model, cache))
        moved = backbone.layers[4].get_weights()
        assert not any(map(np.array_equal, before, moved))
    same(*found)


def test_statistics_alone_are_a_front(runs: list[int]) -> None:
    """A frozen BatchNormalization is a few vectors, folded and repeated by passes."""

    def normalized() -> Any:
        return [layers.BatchNormalization(), layers.Activation("tanh")]

    same(train(network(normalized), "memory"), train(network(normalized), None))
    assert runs


def test_generators_may_validate(runs: list[int]) -> None:
    class Halves(seqir.data.PyDataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, i: int) -> Any:
            return X[i::2], Y[i::2]

    given = {"validation_split": 0.0, "validation_data": Halves()}
    same(train(network(), "memory", **given), train(network(), None, **given))


# Going on after an interruption.


class Plug(callbacks.Callback):
    """Ends the program in the middle of an epoch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.optimizer.iterations.array == 7:
            raise SystemExit


@pytest.mark.parametrize("cache", ["memory", "folder"])
def test_resumed_in_the_middle_of_an_epoch(cache: str, tmp_path: Path) -> None:
    where = tmp_path / "features" if cache == "folder" else cache
    wanted = train(network(), None)
    given = {"resume": tmp_path / "checkpoints", "checkpoint_freq": 1}
    with pytest.raises(SystemExit):
        train(network(), where, callbacks=[Plug()], **given)
    model = network()
    seqir.utils.set_random_seed(9)  # the checkpoint knows better
    same(train(model, where, **given), wanted)


def test_resumed_with_the_backbone_of_the_checkpoint(tmp_path: Path) -> None:
    """Features come of the frozen weights that were saved, not of the new ones."""
    wanted = train(network(), None)
    given = {"resume": tmp_path, "checkpoint_freq": 1}
    with pytest.raises(SystemExit):
        train(network(), "memory", callbacks=[Plug()], **given)
    model = network()
    model.layers[0].set_weights([w * 2 for w in model.layers[0].get_weights()])
    same(train(model, "memory", **given), wanted)


# The folder.


def test_a_folder_keeps_features_for_the_next_training(
    tmp_path: Path, runs: list[int]
) -> None:
    folder = tmp_path / "made" / "features"
    wanted = train(network(), None)
    same(train(network(), folder), wanted)
    files = {f: f.stat().st_mtime_ns for f in folder.iterdir()}
    assert len(files) == 2  # of the training and of the validation
    runs.clear()
    same(train(network(), str(folder)), wanted)
    assert set(runs) == {1}  # stand-ins alone
    assert {f: f.stat().st_mtime_ns for f in folder.iterdir()} == files


@pytest.mark.parametrize("change", ["weight", "data", "layer", "batch size"])
def test_other_features_are_other_files(change: str, tmp_path: Path) -> None:
    train(network(), tmp_path, validation_split=0.0)
    (file,) = tmp_path.iterdir()
    model = network(mobile if change == "layer" else cnn)
    if change == "weight":
        kernel = model.layers[0].weights[0]
        array = kernel.numpy()
        array.flat[0] = np.nextafter(array.flat[0], np.float32(9))
        kernel.assign(array)
    x = X.copy()
    if change == "data":
        x.flat[-1] += 1
    size = 8 if change == "batch size" else 16
    model.fit(x, Y, batch_size=size, verbose=0, cache_frozen=tmp_path)
    assert len([*tmp_path.iterdir()]) == 2
    assert file.exists()


def test_a_damaged_file_is_recognized_and_replaced(tmp_path: Path) -> None:
    wanted = train(network(), tmp_path, validation_split=0.0)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-9] + b"x" + whole[-8:], whole[:100], b""):
        file.write_bytes(damaged)
        with pytest.warns(UserWarning, match="features are computed anew: .*features-"):
            same(train(network(), tmp_path, validation_split=0.0), wanted)
        same(train(network(), tmp_path, validation_split=0.0), wanted)
    seqir.tensorfile.write(file, {"feature": np.zeros(3)}, {"kind": "other"})
    with pytest.warns(UserWarning, match="computed anew: .* holds something else"):
        same(train(network(), tmp_path, validation_split=0.0), wanted)


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="features are not kept: "):
        found = train(network(), tmp_path / "file" / "in", validation_split=0.0)
    same(found, train(network(), None, validation_split=0.0))


# What cannot be.


class Centred(layers.Layer):
    """x - share * mean of the batch: no sample is alone."""

    share: float

    def call(self, x: Any) -> Any:
        return x - ops.mean(x, axis=0, keepdims=True) * self.share


def test_samples_that_see_each_other_are_refused() -> None:
    model = network(lambda: [*cnn(), Centred(0.5)])
    # A mean of the batch is not a row of a sample: it is the head's to compute.
    same(train(model, "memory"), train(network(lambda: [*cnn(), Centred(0.5)]), None))
    model = network(lambda: [*cnn(), Reversed()])
    with pytest.raises(
        UnsupportedError,
        match="'net' computes with all samples of a batch: the features",
    ):
        train(model, "memory")


class Reversed(layers.Layer):
    """Samples in the opposite order: each has a row, but not its own."""

    def call(self, x: Any) -> Any:
        return ops.flip(x, 0)


class Neighbourly(layers.Layer):
    """A little of the sample before it goes into each sample."""

    def call(self, x: Any) -> Any:
        return x + ops.flip(x, 0) * 1e-6


def test_other_roundings_are_told() -> None:
    model = network(lambda: [*cnn(), Neighbourly()])
    with pytest.warns(UserWarning, match="'net' rounds in another way in batches of"):
        train(model, "memory", validation_split=0.0)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda m: setattr(m.layers[0], "trainable", True),
        lambda m: setattr(m.layers[0].layers[0], "trainable", True),
    ],
    ids=["nothing is frozen", "the first layer is trained"],
)
def test_no_frozen_front(prepare: Any) -> None:
    model = network()
    prepare(model)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(UnsupportedError, match="cache_frozen has nothing to keep"):
        train(model, "memory")


def test_noise_at_the_beginning_leaves_no_front() -> None:
    model = network(lambda: [layers.GaussianNoise(0.1), *cnn()])
    with pytest.raises(UnsupportedError, match="random numbers or statistics of the"):
        train(model, "memory")


def test_what_makes_batches_is_refused() -> None:
    def batches() -> Any:
        while True:
            yield X[:4], Y[:4]

    with pytest.raises(ArgumentError, match="needs x to be arrays: what makes batches"):
        network().fit(batches(), steps_per_epoch=2, verbose=0, cache_frozen="memory")


@pytest.mark.parametrize("given", [True, "", 3])
def test_a_place_that_is_none(given: Any) -> None:
    with pytest.raises(
        ArgumentError, match="cache_frozen must name a folder or be 'memory', got"
    ):
        train(network(), given)


CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "assigned": (
        lambda m: m.layers[0].set_weights([w * 2 for w in m.layers[0].get_weights()]),
        "the frozen part of model 'net' has changed while its features were in use",
    ),
    "frozen": (
        lambda m: setattr(m.layers[1], "trainable", False),
        "the frozen part of model 'net' has changed while its features were in use",
    ),
    "thawed": (
        lambda m: setattr(m.layers[0].layers[3], "trainable", True),
        "was not trainable, or not there, when the optimizer was built",
    ),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_front_that_changes_on_the_way(how: str) -> None:
    change, match = CHANGES[how]
    made = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: change(model))
    model = network(head=convolution)
    with pytest.raises(GraphError, match=match):
        train(model, "memory", callbacks=[made])


def test_frozen_weights_that_are_set_to_what_they_were() -> None:
    class Setting(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.set_weights(self.model.get_weights())

    given = {"callbacks": [Setting()]}
    same(train(network(), "memory", **given), train(network(), None, **given))


def test_a_loss_that_is_not_finite_is_explained() -> None:
    errors: list[str] = []
    for cache in (None, "memory"):
        model = network()
        loss = "sparse_categorical_crossentropy"
        model.compile(seqir.optimizers.SGD(), loss, loss_weights=3e38)
        with pytest.raises(NonFiniteLossError) as caught:
            train(model, cache)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert "gradient norm" in errors[0]
