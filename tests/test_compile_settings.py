"""What `compile` got: kept, changed later, or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers, losses, metrics, optimizers
from seqir.errors import AbsentError, ArgumentError, GraphError, NotBuiltError

X = np.random.default_rng(2).normal(size=(8, 3)).astype(np.float32)
Y = X[:, :1]


def model_of(**settings: Any) -> Any:
    stack = [seqir.Input((3,)), layers.Dense(1, kernel_initializer="ones")]
    model = seqir.Sequential(stack)
    if settings:
        model.compile(**settings)
    return model


def stepped(kernel: Any, rate: float) -> Any:
    """A kernel after one step of gradient descent; the bias is 0."""
    return kernel - rate * 2 * X.T @ (X @ kernel - Y) / len(X)


def test_a_model_without_an_optimizer_is_evaluated(tmp_path: Path) -> None:
    model = model_of(optimizer=None, loss="mse", metrics=["mae"])
    error = X @ np.ones((3, 1)) - Y
    wanted = [np.square(error).mean(), np.abs(error).mean()]
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), wanted, rtol=1e-6)
    np.testing.assert_allclose(model.test_on_batch(X, Y), wanted, rtol=1e-6)
    assert model.optimizer is None
    model.save(tmp_path / "model.keras")
    model.save_checkpoint(tmp_path / "state.safetensors")
    model.load_checkpoint(tmp_path / "state.safetensors")
    again = seqir.models.load_model(tmp_path / "model.keras")
    for other in (again, seqir.models.clone_model(model)):
        assert other.compiled
        assert other.optimizer is None
    np.testing.assert_allclose(again.evaluate(X, Y, verbose=0), wanted, rtol=1e-6)


@pytest.mark.parametrize("train", ["fit", "train_on_batch", "export_training"])
def test_training_without_an_optimizer_is_refused(train: str, tmp_path: Path) -> None:
    model = model_of(optimizer=None, loss="mse")
    first = (tmp_path / "steps",) if train == "export_training" else ()
    with pytest.raises(GraphError, match=r"no optimizer .* set model\.optimizer, or"):
        getattr(model, train)(*first, X, Y)


def test_the_optimizer_can_be_set() -> None:
    model = model_of(optimizer=None, loss="mse")
    model.evaluate(X, Y, verbose=0)
    model.optimizer = optimizers.SGD(0.1)
    model.fit(X, Y, verbose=0)
    kernel = stepped(np.ones((3, 1)), 0.1)
    np.testing.assert_allclose(model.layers[0].kernel, kernel, rtol=1e-5)
    model.layers[0].bias.assign([0.0])
    model.optimizer = optimizers.SGD(0.5)
    model.train_on_batch(X, Y)
    np.testing.assert_allclose(model.layers[0].kernel, stepped(kernel, 0.5), rtol=1e-5)
    model.optimizer = "adam"
    assert isinstance(model.optimizer, optimizers.Adam)
    model.fit(X, Y, verbose=0)
    assert model.optimizer.iterations == 1
    with pytest.raises(ArgumentError, match="an optimizer is a name"):
        model.optimizer = 3


def test_the_optimizer_stays_while_the_model_is_trained() -> None:
    model = model_of(optimizer="sgd", loss="mse")

    def change(epoch: int, logs: Any) -> None:
        model.optimizer = "adam"

    callback = seqir.callbacks.LambdaCallback(on_epoch_end=change)
    with pytest.raises(GraphError, match="being trained: set its optimizer before or"):
        model.fit(X, Y, verbose=0, callbacks=[callback])


def test_compile_settings_make_an_equal_model() -> None:
    model = model_of(
        optimizer=optimizers.SGD(0.25),
        loss=losses.Huber(0.5),
        loss_weights=[2.0],
        metrics=[metrics.MeanAbsoluteError(name="far")],
        weighted_metrics=["mse"],
    )
    other = model_of()
    assert other.get_compile_config() == {}
    other.compile_from_config(model.get_compile_config())
    assert other.optimizer.built
    assert float(np.asarray(other.optimizer.learning_rate)) == 0.25
    for each in (model, other):
        each.fit(X, Y, verbose=0, shuffle=False)
    found = other.evaluate(X, Y, verbose=0, return_dict=True)
    assert found == model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(found) == ["loss", "far", "mse"]
    assert model_of(optimizer=None).get_compile_config()["optimizer"] is None


def test_a_class_of_ones_own_keeps_settings_of_its_own(tmp_path: Path) -> None:
    class Weighed(seqir.Sequential):
        def get_compile_config(self) -> dict[str, Any]:
            return super().get_compile_config() | {"loss_weights": [3.0]}

    model = Weighed([seqir.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.keras")
    again: Any = seqir.models.load_model(
        tmp_path / "m.keras", custom_objects={"Weighed": Weighed}
    )
    np.testing.assert_allclose(
        again.evaluate(X, Y, verbose=0), 3 * model.evaluate(X, Y, verbose=0), rtol=1e-6
    )


def test_settings_before_compile_and_before_the_first_batch() -> None:
    model = model_of()
    assert model.metrics_names == []
    assert model.loss is None
    model.reset_metrics()
    model.compile("sgd", "mse", metrics=["mae"])
    with pytest.raises(NotBuiltError, match="are made by its first batch"):
        model.get_metrics_result()
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert model.get_metrics_result() == found
    model.reset_metrics()
    assert model.get_metrics_result() == {"loss": 0.0, "mae": 0.0}


def test_averages_of_several_optimizers_are_swapped() -> None:
    def of(name: str) -> Any:
        first, second = layers.Dense(2, name="first"), layers.Dense(1, name="second")
        model = seqir.Sequential([seqir.Input((3,)), first, second], name=name)
        model.set_weights([np.full(w.shape, 0.5, np.float32) for w in model.weights])
        averaging = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
        chosen = {".*first.*": averaging}
        several = optimizers.OptimizerMap(optimizers.SGD(0.1), chosen)
        model.compile(optimizers.MultiOptimizer(several), "mse")
        return model, averaging

    model, averaging = of("swapped")
    plain, _ = of("plain")
    shown: list[Any] = []

    def look(epoch: int, logs: Any) -> None:
        kernels = [np.array(layer.kernel) for layer in (*model.layers, *plain.layers)]
        shown.append((*kernels, np.array(averaging._averages[0])))

    swap = seqir.callbacks.SwapEMAWeights(swap_on_epoch=True)
    options: Any = {"verbose": 0, "batch_size": 4, "shuffle": False}
    stop = seqir.callbacks.LambdaCallback(on_epoch_end=look)
    plain.fit(X, Y, **options)
    model.fit(X, Y, callbacks=[swap, stop], **options)
    first, second, _, plain_second, average = shown[0]
    np.testing.assert_array_equal(first, average)
    np.testing.assert_array_equal(second, plain_second)

    model.compile(optimizers.MultiOptimizer(lambda _: optimizers.SGD()), "mse")
    with pytest.raises(ArgumentError, match=r"SwapEMAWeights needs .* use_ema=True to"):
        model.fit(X, Y, verbose=0, callbacks=[swap])


@pytest.mark.parametrize(
    ("owner", "name", "instead"),
    [
        ("model", "stateless_call", "use a call"),
        ("model", "stateless_compute_loss", "use train_on_batch or test_on_batch"),
        ("model", "get_state_tree", "save_checkpoint"),
        ("model", "set_state_tree", "load_checkpoint"),
        ("model", "add_metric", r"compile\(metrics="),
        ("layer", "add_metric", r"compile\(metrics="),
        ("layer", "stateless_call", "use a call"),
        ("optimizer", "stateless_apply", "use apply"),
        ("metric", "stateless_update_state", "use update_state"),
        ("metric", "stateless_result", "use result"),
        ("metric", "stateless_reset_state", "use reset_state"),
    ],
)
def test_stateless_methods_say_what_to_use(owner: str, name: str, instead: str) -> None:
    owners = {
        "model": model_of(optimizer="sgd"),
        "layer": layers.Dense(1),
        "optimizer": optimizers.Adam(),
        "metric": metrics.Mean(),
    }
    assert not hasattr(owners[owner], name)
    with pytest.raises(AbsentError, match=f"has no {name}: .*{instead}"):
        getattr(owners[owner], name)
    with pytest.raises(AttributeError, match="has no attribute 'no_such_thing'"):
        owners[owner].no_such_thing  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
