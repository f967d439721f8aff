"""Subclasses of models that pass inputs and outputs to `super().__init__`."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir.errors import ArgumentError, UnsupportedError
from seqir.model.functional import Functional

keras = pytest.importorskip("keras")

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)


def given(k: Any, parts: Callable[[], Any]) -> dict[str, Any]:
    """Classes that are called with tensors."""

    class Open(k.Model):
        pass

    class Passing(k.Model):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.teacher = k.layers.Dense(3, name="teacher")

    def made(cls: Any) -> Any:
        x, _, y = parts()
        return cls(x, y, name="given")

    return {"open": lambda: made(Open), "passing": lambda: made(Passing)}


def kinds(k: Any) -> dict[str, Any]:
    """Classes that give their tensors in different ways."""

    def parts(units: int = 2) -> Any:
        x = k.Input((3,), name="x")
        dense = k.layers.Dense(units, kernel_initializer="ones", name="dense")
        return x, dense, dense(x)

    class Named(k.Model):
        def __init__(self, units: int = 2, **kwargs: Any) -> None:
            x, dense, y = parts(units)
            super().__init__(inputs=x, outputs=y, **kwargs)
            self.units, self.inner = units, dense

        def twice(self, x: Any) -> Any:
            return self(x) * 2

    class Placed(k.Model):
        def __init__(self) -> None:
            x, _, y = parts()
            super().__init__(x, [y, y * 2], name="placed")

    class Above(Named):
        def __init__(self) -> None:
            super().__init__(units=3, name="above")
            self.more = k.layers.Dense(2, name="more")

    class Mixin:
        def halved(self, x: Any) -> Any:
            return self(x) / 2  # type: ignore[operator]

    class Mixed(Mixin, k.Model):
        def __init__(self) -> None:
            x, _, y = parts()
            super().__init__(inputs={"x": x}, outputs={"y": y})

    class Calls(k.Model):
        def __init__(self) -> None:
            x, dense, y = parts()
            super().__init__(inputs=x, outputs=y)
            self.inner = dense

        def call(self, x: Any) -> Any:
            return super().call(x) + self.inner(x) * 10

    class Weighted(k.Model):
        def __init__(self) -> None:
            x, _, y = parts()
            super().__init__(inputs=x, outputs=y)
            self.gain = self.add_weight(shape=(2,), initializer="ones", name="gain")

    return {
        "named": Named,
        "placed": Placed,
        "above": Above,
        "mixed": Mixed,
        "calls": Calls,
        "weighted": Weighted,
        **given(k, parts),
    }


def leaves(y: Any) -> list[Any]:
    values = y.values() if isinstance(y, dict) else y if isinstance(y, list) else [y]
    return [np.asarray(v) for v in values]


@pytest.mark.parametrize("kind", kinds(seqir))
def test_they_are_those_of_keras(kind: str) -> None:
    ours, theirs = (kinds(k)[kind]() for k in (seqir, keras))
    x = {"x": X} if kind == "mixed" else X
    for use in (lambda m: m(x), lambda m: m.predict(x, verbose=0)):
        for y, expected in zip(leaves(use(ours)), leaves(use(theirs)), strict=True):
            np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert isinstance(ours, Functional)
    assert [x.name for x in ours.layers] == [x.name for x in theirs.layers]
    assert type(ours).__name__ == type(theirs).__name__
    kept = [w.path.split("/")[-2:] for w in theirs.weights]
    assert [w.path.split("/")[-2:] for w in ours.weights] == kept


def test_own_methods_and_training() -> None:
    model = kinds(seqir)["named"](name="n")
    np.testing.assert_array_equal(model.twice(X), model(X) * 2)
    model.compile(seqir.optimizers.SGD(1e-3), "mse")
    losses = model.fit(X, np.zeros((2, 2)), epochs=3, verbose=0).history["loss"]
    assert losses[0] > losses[1] > losses[2]
    model.inner.trainable = False
    assert model.trainable_weights == []
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "x (InputLayer)" in lines[0]


@pytest.mark.parametrize("kind", ["named", "placed", "above", "open"])
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.json"])
def test_files_and_configurations(kind: str, name: str, tmp_path: Path) -> None:
    model = kinds(seqir)[kind]()
    custom = {type(model).__name__: type(model)}
    again = type(model).from_config(model.get_config())
    if name == "m.json":
        loaded = seqir.models.model_from_json(model.to_json(), custom)
    else:
        model.save(tmp_path / name)
        loaded = seqir.models.load_model(tmp_path / name, custom_objects=custom)
    for other in (again, loaded):
        assert type(other) is type(model)
        for y, expected in zip(leaves(other(X)), leaves(model(X)), strict=True):
            np.testing.assert_array_equal(y, expected)


def test_arguments_are_kept(tmp_path: Path) -> None:
    make = kinds(seqir)["named"]
    model = make(units=4, name="n")
    assert make.from_config(model.get_config()).units == 4
    x = seqir.Input((3,))
    outer = seqir.Model(x, model(x))
    outer.save(tmp_path / "outer.keras")
    loaded = seqir.models.load_model(
        tmp_path / "outer.keras", custom_objects={"Named": make}
    )
    assert loaded.layers[-1].units == 4
    np.testing.assert_array_equal(loaded(X), model(X))


def test_files_of_keras_and_back(tmp_path: Path) -> None:
    ours, theirs = (kinds(k)["named"](name="n") for k in (seqir, keras))
    theirs.set_weights([w + 0.5 for w in theirs.get_weights()])
    theirs.save(tmp_path / "t.keras")
    loaded = seqir.models.load_model(
        tmp_path / "t.keras", custom_objects={"Named": type(ours)}
    )
    np.testing.assert_allclose(loaded(X), theirs(X), rtol=1e-6)
    for kind in ("passing", "weighted"):
        ours, theirs = (kinds(k)[kind]() for k in (seqir, keras))
        if kind == "passing":
            ours.teacher.build((None, 3))
            theirs.teacher.build((None, 3))
        ours.save_weights(tmp_path / "m.weights.h5")
        theirs.load_weights(tmp_path / "m.weights.h5")
        for ours_, theirs_ in zip(
            ours.get_weights(), theirs.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours_, theirs_)


@pytest.mark.parametrize("kind", kinds(seqir))
def test_clones_are_functional_models_and_copies_are_not(kind: str) -> None:
    model = kinds(seqir)[kind]()
    clone = seqir.models.clone_model(model)
    assert type(clone) is Functional
    assert clone.output_shape == model.output_shape
    again = copy.deepcopy(model)
    assert type(again) is type(model)
    x = {"x": X} if kind == "mixed" else X
    for y, expected in zip(leaves(again(x)), leaves(model(x)), strict=True):
        np.testing.assert_array_equal(y, expected)


PICKLED = """
import seqir

class Doubling(seqir.Model):
    def __init__(self):
        x = seqir.Input((3,))
        super().__init__(inputs=x, outputs=seqir.layers.Rescaling(2.0)(x))
"""
WRITES = "import pickle, doubling; print(pickle.dumps(doubling.Doubling()).hex())"
READS = """
import pickle, sys
import numpy as np
model = pickle.loads(bytes.fromhex(sys.argv[1]))
print(model(np.ones((1, 3), np.float32)).tolist(), len(model.layers))
"""


def test_another_process_unpickles_it(tmp_path: Path) -> None:
    (tmp_path / "doubling.py").write_text(PICKLED)

    def run(code: str, *arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments]
        places = os.pathsep.join([str(tmp_path), str(Path(seqir.__file__).parents[1])])
        environment = {**os.environ, "PYTHONPATH": places}
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        ).stdout.strip()

    assert run(READS, run(WRITES)) == "[[2.0, 2.0, 2.0]] 2"


def test_wrong_arguments() -> None:
    make = kinds(seqir)
    with pytest.raises(
        ArgumentError, match="Unrecognized keyword arguments passed to Named"
    ):
        make["named"](bad=3)

    class Half(seqir.Model):
        pass

    with pytest.raises(ArgumentError, match="All outputs values must be KerasTensors"):
        Half(seqir.Input((3,)))

    class More(seqir.Model):
        def __init__(self, inputs: Any, outputs: Any, alpha: float = 1.0) -> None:
            super().__init__(inputs, outputs)

    x = seqir.Input((3,))
    with pytest.raises(UnsupportedError, match="the argument inputs of layer 'more"):
        More(x, x * 2).get_config()
