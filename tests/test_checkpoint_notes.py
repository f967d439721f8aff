"""A checkpoint whose note is damaged or odd is refused, and changes nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import callbacks, layers, tensorfile
from seqir.errors import CorruptFileError, LoadError

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)


def trained(**options: Any) -> Any:
    model = seqir.Sequential([seqir.Input((3,)), layers.Dense(1)])
    model.compile("adam", "mse")
    stopping = callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True)
    model.fit(X, Y, epochs=2, batch_size=10, verbose=0, callbacks=[stopping], **options)
    return model


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    trained(resume=folder)
    return max(folder.glob("step-*.safetensors"))


def state(model: Any) -> list[Any]:
    compiled = model.compilation
    values = [*model.get_weights(), *(v.array for v in compiled.optimizer.variables)]
    return [*values, compiled.seed, compiled.steps, compiled.fits]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(map(np.array_equal, a, b))


def test_each_flipped_bit_of_a_note_is_seen(written: Path, tmp_path: Path) -> None:
    content = written.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    begin = content.index(b"seqir checkpoint")
    model, path = trained(), tmp_path / "c.safetensors"
    before = state(model)
    for place in range(begin, length, 7):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(LoadError, match=r"damaged|a safetensors|not written by"):
            model.load_checkpoint(path)
    assert same(state(model), before)
    model.load_checkpoint(written)


Edit = Callable[[dict[str, Any]], Any]
NOTES: dict[str, tuple[Edit, str]] = {
    "seed is text": (lambda n: n.update(seed="1"), "its note says seed='1'"),
    "steps is a list": (lambda n: n.update(steps=[1]), r"its note says steps='\[1\]'"),
    "steps is true": (lambda n: n.update(steps=True), "its note says steps='True'"),
    "fits is missing": (lambda n: n.pop("fits"), "it lacks fits"),
    "order is a list": (lambda n: n.update(order=[]), "its note says order="),
    "order without weights": (
        lambda n: n["order"].pop("weights"),
        "it names arrays that it has not",
    ),
    "position is a list": (lambda n: n.update(position=[]), "its note says position="),
    "epoch is text": (
        lambda n: n["position"].update(epoch="x"),
        "its note says epoch='x'",
    ),
    "no batch": (lambda n: n["position"].pop("batch"), "its note says batch='None'"),
    "callbacks is text": (
        lambda n: n.update(callbacks="ab"),
        "its note says callbacks",
    ),
    "a state is text": (
        lambda n: n["callbacks"].append(["History", "x"]),
        "its note says callbacks=",
    ),
    "fewer states": (lambda n: n["callbacks"].clear(), "its note says callbacks="),
    "another model": (lambda n: n.update(model="x"), "a checkpoint of another model"),
}


@pytest.mark.parametrize("name", NOTES)
def test_odd_notes_change_nothing(name: str, written: Path, tmp_path: Path) -> None:
    edit, words = NOTES[name]
    arrays, note = tensorfile.read(written)
    edit(note)
    path = tmp_path / "c.safetensors"
    tensorfile.write(path, arrays, note)
    model = trained()
    before = state(model)
    with pytest.raises(LoadError, match=words):
        model.load_checkpoint(path)
    assert same(state(model), before)


def test_a_state_that_a_callback_cannot_use(written: Path, tmp_path: Path) -> None:
    arrays, note = tensorfile.read(written)
    for kind, known in note["callbacks"]:
        if kind == "EarlyStopping":
            del known["wait"]
    tensorfile.write(tmp_path / written.name, arrays, note)
    model = trained()
    before = state(model)
    stopping = callbacks.EarlyStopping("loss", patience=3)
    with pytest.raises(LoadError, match=r"another EarlyStopping: .* know its wait"):
        model.fit(
            X,
            Y,
            epochs=9,
            batch_size=10,
            verbose=0,
            callbacks=[stopping],
            resume=tmp_path,
        )
    assert same(state(model)[:-1], before[:-1])


def test_what_more_a_newer_release_notes_is_left_alone(
    written: Path, tmp_path: Path
) -> None:
    arrays, note = tensorfile.read(written)
    note["position"]["machine"] = "m"
    note["weather"] = "fine"
    tensorfile.write(tmp_path / "c.safetensors", arrays, note)
    model = trained()
    model.load_checkpoint(tmp_path / "c.safetensors")
    assert model.compilation.steps == 4


def test_damaged_checkpoints_are_passed_over(written: Path, tmp_path: Path) -> None:
    shutil.copy(written, tmp_path / "step-0000000004.safetensors")
    content = bytearray(written.read_bytes())
    content[content.index(b'"seed') + 10] ^= 1
    (tmp_path / "step-0000000005.safetensors").write_bytes(content)
    with pytest.warns(UserWarning, match="step 5 is passed over"):
        model = trained(resume=tmp_path)
    assert model.compilation.steps == 4


def test_the_first_release_did_not_cover_the_note(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, note = tensorfile.read(written)
    digest = tensorfile._digest
    monkeypatch.setattr(tensorfile, "DIGEST", "sha256")
    monkeypatch.setattr(tensorfile, "_digest", lambda arrays, note="": digest(arrays))
    tensorfile.write(tmp_path / "c.safetensors", arrays, note)
    monkeypatch.undo()
    model = trained()
    model.load_checkpoint(tmp_path / "c.safetensors")
    note["seed"] = None
    tensorfile.write(tmp_path / "c.safetensors", arrays, note)
    with pytest.raises(CorruptFileError, match="its note says seed"):
        model.load_checkpoint(tmp_path / "c.safetensors")
