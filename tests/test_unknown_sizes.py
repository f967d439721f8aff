"""Windows on axes whose size only the run knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, lower, ops, runtime
from seqir.errors import RunError, ShapeError
from seqir.ir import Graph, Op, Trace, evaluate
from seqir.operators.conv import Conv
from seqir.operators.conv_grad import ConvInputGrad, ConvKernelGrad
from seqir.operators.pool import AveragePool, MaxPool
from seqir.operators.pool_grad import AveragePoolGrad, MaxPoolGrad, MaxPoolPick
from seqir.tensortype import TensorType

rng = np.random.default_rng(0)
STEPS = range(1, 13)
NONE = ((0, 0),)


def graph_of(op: Op, *shapes: tuple[int | str, ...]) -> Graph:
    b = Trace()
    xs = [b.input(f"x{i}", TensorType("float32", s)) for i, s in enumerate(shapes)]
    return b.finish({"y": b(op, *xs)})


def check(op: Op, *shapes: tuple[int | str, ...], out: dict[int, int]) -> None:
    """The file computes what NumPy does, whatever "n" and the results "m" are."""
    graph = graph_of(op, *shapes)
    session = runtime.Session(*lower.split(lower.lower(graph)), device="cpu")
    for n, m in out.items():
        sizes = {"n": n, "m": m}
        feeds = {
            f"x{i}": rng.permutation(
                np.arange(np.prod(full := [sizes.get(d, d) for d in shape]), dtype="f")  # type: ignore[arg-type]
            ).reshape(full)
            for i, shape in enumerate(shapes)
        }
        wanted = evaluate(graph, feeds)["y"]
        (found,) = session.run(feeds)
        assert found.shape == wanted.shape, (op, n)
        np.testing.assert_allclose(found, wanted, 1e-5, err_msg=f"{op} of {n}")


@pytest.mark.parametrize("k", range(1, 5))
@pytest.mark.parametrize("s", range(1, 8))
def test_same_padding_of_an_unknown_size_is_that_of_the_known_one(
    k: int, s: int
) -> None:
    image, result, kernel = (2, 2, "n"), (2, 2, "m"), (2, 2, k)
    out = {n: -(-n // s) for n in STEPS}
    for dilation in (1, 2):
        conv = Conv((s,), NONE, (dilation,), same=True)
        check(conv, image, kernel, out=out)
        check(ConvKernelGrad(conv, kernel), image, result, out=out)
        check(ConvInputGrad(conv), result, kernel, image, out=out)
    largest, mean = (kind((k,), (s,), NONE, True) for kind in (MaxPool, AveragePool))
    check(largest, image, out=out)
    check(MaxPoolPick(largest), image, image, out=out)  # type: ignore[arg-type]
    check(mean, image, out=out)
    check(AveragePoolGrad(mean), result, image, out=out)  # type: ignore[arg-type]
    graph = graph_of(MaxPoolGrad(largest), image, result, result)  # type: ignore[arg-type]
    session = runtime.Session(*lower.split(lower.lower(graph)), device="cpu")
    for n in STEPS:
        x = rng.permutation(np.arange(4 * n, dtype="f")).reshape(2, 2, n)
        (y,) = largest.evaluate(x)
        feeds = {"x0": x, "x1": y, "x2": y + 1}
        np.testing.assert_array_equal(
            session.run(feeds)[0], evaluate(graph, feeds)["y"], f"{k}, {s} of {n}"
        )


WINDOWS: list[tuple[Any, tuple[int | None, ...]]] = [
    (lambda: layers.Conv2D(2, (1, 3), strides=(4, 6), padding="same"), (None, None)),
    (lambda: layers.Conv2D(2, (3, 1), strides=(1, 3), padding="same"), (None, 8)),
    (lambda: layers.Conv3D(2, (1, 3, 2), strides=(5, 6, 1), padding="same"),
     (7, None, None)),
    (lambda: layers.DepthwiseConv1D(3, strides=7, padding="same"), (None,)),
    (lambda: layers.SeparableConv2D(2, 2, strides=5, padding="same"), (None, None)),
    (lambda: layers.MaxPooling2D((1, 3), (2, 5), padding="same"), (None, None)),
    (lambda: layers.AveragePooling2D(3, 5, "same"), (9, None)),
    (lambda: layers.AveragePooling3D((1, 4, 3), (3, 6, 4), "same"), (None, 5, None)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "axes"), WINDOWS)
@pytest.mark.parametrize("channels_first", [False, True])
def test_layers_of_an_unknown_size_train_and_run_as_of_the_known_one(
    make: Any, axes: tuple[int | None, ...], channels_first: bool
) -> None:
    layer = make()
    config = layer.get_config()
    if channels_first:
        config["data_format"] = "channels_first"

    def model(size: tuple[int | None, ...]) -> seqir.Sequential:
        shape = (2, *size) if channels_first else (*size, 2)
        pool = getattr(layers, f"GlobalAveragePooling{len(size)}D")
        made = seqir.Sequential(
            [
                seqir.Input(shape),
                layers.PReLU(shared_axes=[*range(1, len(shape) + 1)]),
                type(layer).from_config(config),
                layers.Activation("tanh"),
                pool(data_format=config["data_format"]),
                layers.Dense(1),
            ]
        )
        made.compile(seqir.optimizers.SGD(1e-3), "mse")
        return made

    open_ = model(axes)
    for sizes in ((3, 4, 6), (8, 7, 5)):
        size = tuple(n if d is None else d for n, d in zip(sizes, axes, strict=False))
        known = model(size)
        known.set_weights(open_.get_weights())
        x = rng.normal(size=(2, *known.input_shape[1:])).astype("f")
        np.testing.assert_allclose(open_.predict(x), known.predict(x), 1e-4)
        for each in (open_, known):
            each.fit(x, np.ones((2, 1)), verbose=0)
        for a, b in zip(open_.get_weights(), known.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, 1e-4, 1e-6)


def test_functions_take_same_padding_of_unknown_sizes() -> None:
    x = seqir.Input((None, 2))
    kernel = np.ones((3, 2, 1), "f")
    model = seqir.Model(
        x, [ops.conv(x, kernel, 4, "same"), ops.max_pool(x, 2, 3, "same")]
    )
    for n in STEPS:
        steps = rng.normal(size=(1, n, 2)).astype("f")
        found = model(steps)
        np.testing.assert_allclose(found[0], ops.conv(steps, kernel, 4, "same"), 1e-5)
        np.testing.assert_allclose(found[1], ops.max_pool(steps, 2, 3, "same"))


TOO_LARGE: list[tuple[Any, int]] = [
    (lambda: layers.MaxPooling2D(11, name="window"), 2),
    (lambda: layers.AveragePooling1D(4, 2, name="window"), 1),
    (lambda: layers.MaxPooling3D((1, 5, 1), 1, name="window"), 3),
    (lambda: layers.Conv1D(2, 5, strides=5, name="window"), 1),
    (lambda: layers.DepthwiseConv2D(2, dilation_rate=3, name="window"), 2),
]


@pytest.mark.parametrize(("make", "rank"), TOO_LARGE)
def test_a_window_larger_than_the_image_of_a_run_is_refused(
    make: Any, rank: int, tmp_path: Path
) -> None:
    shape = (None,) * rank
    pool = getattr(layers, f"GlobalAveragePooling{rank}D")
    model = seqir.Sequential(
        [seqir.Input((*shape, 2)), layers.ReLU(), make(), pool(), layers.Dense(2)]
    )
    model.compile(loss="mse")
    model.export(tmp_path / "window.onnx")
    file = runtime.Session.from_file(tmp_path / "window.onnx", device="cpu")
    (name,) = file.input_names
    few, enough = (np.ones((2, *(n,) * rank, 2), "f") for n in (3, 12))
    assert file.run({name: enough})[0].shape == (2, 2)
    for function in (model, model.predict, lambda x: model.fit(x, np.ones((2, 2)))):
        function(enough)
        with pytest.raises(ShapeError, match=r"do not fit layer 'window': a window"):
            function(few)
    with pytest.raises(RunError):
        file.run({name: few})


@pytest.mark.parametrize("size", [2**23 + 5, None])
def test_the_pixels_of_long_sequences_are_repeated_where_they_are(
    size: int | None,
) -> None:
    model = seqir.Sequential([seqir.Input((size, 1)), layers.UpSampling1D(2)])
    steps = (np.arange(2**23 + 5) % 251).astype("f")
    np.testing.assert_array_equal(
        model(steps[None, :, None])[0, :, 0], np.repeat(steps, 2)
    )


@pytest.mark.parametrize("factor", [2, 3])
def test_the_pixels_of_very_long_images_are_repeated_where_they_are(
    factor: int,
) -> None:
    size = 2**23 + 5
    steps = (np.arange(size) % 251).astype("f")
    model = seqir.Sequential(
        [seqir.Input((size, 1, 1)), layers.UpSampling2D((factor, 1))]
    )
    np.testing.assert_array_equal(
        model(steps[None, :, None, None])[0, :, 0, 0], np.repeat(steps, factor)
    )


MIXING: list[Any] = [
    lambda **kw: layers.Conv2D(3, 2, name="mix", **kw),
    lambda **kw: layers.Conv2D(4, 2, groups=2, name="mix", **kw),
    lambda **kw: layers.DepthwiseConv2D(2, name="mix", **kw),
    lambda **kw: layers.SeparableConv2D(3, 2, name="mix", **kw),
    lambda **kw: layers.Conv2DTranspose(3, 2, name="mix", **kw),
]


@pytest.mark.parametrize("make", MIXING)
@pytest.mark.parametrize("channels_first", [False, True])
def test_a_built_convolution_takes_channels_that_only_the_run_knows(
    make: Any, channels_first: bool, tmp_path: Path
) -> None:
    order = "channels_first" if channels_first else "channels_last"
    layer = make(data_format=order)
    layer.build((None, 2, 6, 6) if channels_first else (None, 6, 6, 2))
    x = seqir.Input((None, 6, None) if channels_first else (6, None, None))
    model = seqir.Model(x, layer(x))

    def images(channels: int) -> Any:
        shape = (2, channels, 6, 5) if channels_first else (2, 6, 5, channels)
        return rng.normal(size=shape).astype("f")

    few = images(2)
    np.testing.assert_allclose(model(few), layer(few), 1e-4, 1e-5)
    with pytest.raises(ShapeError, match="layer 'mix': kernel expects 2 input channel"):
        model.predict(images(3))
    assert model.export(tmp_path / "m.onnx").errors[0].relative < 1e-5


def test_a_function_takes_channels_that_only_the_run_knows() -> None:
    x = seqir.Input((6, None))
    kernel = rng.normal(size=(2, 3, 4)).astype("f")
    steps = rng.normal(size=(1, 6, 3)).astype("f")
    found = seqir.Model(x, ops.conv(x, kernel))(steps)
    np.testing.assert_allclose(found, ops.conv(steps, kernel), 1e-5)
