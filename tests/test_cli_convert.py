"""``seqir convert``: what becomes of Keras's files, one by one and in folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import Outcome, fails

import seqir
from seqir import layers
from seqir.export import exporter
from seqir.layers import Layer

keras = pytest.importorskip("keras")
pytest.importorskip("h5py")
ort = pytest.importorskip("onnxruntime")

RNG = np.random.Generator(np.random.Philox(0))
ROOT = Path(seqir.__file__).parents[1]

OWN = """
import numpy as np
from seqir.layers import Layer

print("hello from the layers")

class Twice(Layer):
    def call(self, x):
        return x * 2.0

ALL = {"Twice": Twice}
if "leave" in __file__:
    raise SystemExit(4)
"""


class Twice(Layer):
    """A class that the files ask for."""

    def call(self, x: Any) -> Any:
        return x * 2.0


def images(lib: Any) -> Any:
    """The same model of either library; batch normalization has been somewhere."""
    stack = [
        lib.Input((12, 10, 3), name="image"),
        lib.layers.Conv2D(4, 3, use_bias=False, name="conv"),
        lib.layers.BatchNormalization(name="norm"),
        lib.layers.ReLU(name="relu"),
        lib.layers.MaxPooling2D(name="pool"),
        lib.layers.Flatten(name="flat"),
        lib.layers.Dense(5, activation="softmax", name="scores"),
    ]
    model = lib.Sequential(stack, name="images")
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 1, w.shape) for w in model.get_weights()])
    return model


def branches(lib: Any) -> Any:
    left, right = lib.Input((4,), name="left"), lib.Input((4,), name="right")
    shared = lib.layers.Dense(3, activation="tanh", name="shared")
    both = lib.layers.Concatenate(name="both")([shared(left), shared(right)])
    return lib.Model([left, right], lib.layers.Dense(2, name="out")(both), name="b")


def tiny(name: str = "tiny") -> Any:
    stack = [seqir.Input((2,), name="x"), layers.Dense(1, name="d")]
    return seqir.Sequential(stack, name=name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    return tmp_path


def run(path: str, *feeds: Any) -> Any:
    session = ort.InferenceSession(path)
    names = [i.name for i in session.get_inputs()]
    return session.run(None, dict(zip(names, feeds, strict=True)))[0]


def no_more_than(*names: str) -> bool:
    """Whether the folder holds these and nothing else, hidden or half-written."""
    return sorted(os.listdir()) == sorted(names)


# One file.


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("lib", [keras, seqir], ids=["keras", "seqir"])
@pytest.mark.filterwarnings("ignore:.*HDF5")
def test_what_keras_says_is_what_the_file_says(
    lib: Any, suffix: str, folder: Path
) -> None:
    model, oracle = images(lib), images(keras)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(f"net{suffix}")
    outcome = Outcome("convert", f"net{suffix}")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    x = RNG.uniform(-1, 1, (3, 12, 10, 3)).astype(np.float32)
    wanted = np.asarray(oracle(x))
    assert np.abs(run("net.onnx", x) - wanted).max() < 1e-4
    assert no_more_than(f"net{suffix}", "net.onnx")


def test_the_summary_and_what_was_folded_are_shown(folder: Path) -> None:
    images(keras).save("net.keras")
    out = Outcome("convert", "net.keras", "-o", "other.onnx").out
    assert 'Model: "images"' in out
    assert "scores (Dense)" in out
    assert "  nodes    7 (" in out
    assert "against unoptimized" in out
    passes = next(line for line in out.splitlines() if line.startswith("  passes"))
    for change in ("transpose 7 -> 1", "batch_norm 1 -> 0", "gemm 0 -> 1"):
        assert change in passes
    assert no_more_than("net.keras", "other.onnx")


def test_options_of_export(folder: Path) -> None:
    images(keras).save("net.keras")
    (found,) = Outcome(
        "convert", "net.keras", "-o", "n.onnx", "--batch", "2", "--opset", "20",
        "--layout", "channels_first", "--input-name", "pixels", "--output-name", "y",
        "--preprocess", "tf", "--metadata", "by=me", "--verify-reference", "--json",
    ).json["files"]  # fmt: skip
    report = found["report"]
    assert report["inputs"] == {"pixels": "u8[2, 3, 12, 10]"}
    assert report["outputs"] == {"y": "f32[2, 5]"}
    assert (report["opset"], report["verified"]) == (20, "reference")
    x = RNG.integers(0, 256, (2, 3, 12, 10)).astype(np.uint8)
    scaled = np.moveaxis(x, 1, -1).astype(np.float32) / 127.5 - 1
    assert np.abs(run("n.onnx", x) - np.asarray(images(keras)(scaled))).max() < 1e-4
    session = ort.InferenceSession("n.onnx")
    assert session.get_modelmeta().custom_metadata_map["by"] == "me"


def test_several_inputs(folder: Path) -> None:
    model = branches(keras)
    model.save("two.keras")
    assert Outcome("convert", "two.keras").code == 0
    x = [RNG.normal(size=(3, 4)).astype(np.float32) for _ in range(2)]
    assert np.abs(run("two.onnx", *x) - np.asarray(model(x))).max() < 1e-4


def test_into_a_folder_that_is_there(folder: Path) -> None:
    (folder / "out").mkdir()
    tiny().save("v1.keras")
    assert Outcome("convert", "v1.keras", "-o", "out").code == 0
    assert (folder / "out" / "v1.onnx").is_file()


def test_json_of_one(folder: Path) -> None:
    tiny().save("t.keras")
    found = Outcome("convert", "t.keras", "--no-verify", "--json").json
    assert found["failed"] == 0
    (file,) = found["files"]
    assert file["source"] == "t.keras"
    assert file["output"] == file["report"]["path"] == "t.onnx"
    assert file["result"] == "converted"
    assert (file["reason"], file["not_finite"]) == ("", [])
    assert file["report"]["nodes"] == {"Gemm": 1}
    assert file["report"]["passes"]["gemm"] == [0, 1]
    assert file["report"]["verified"] == "no"
    assert 0 < file["seconds"] < 60


def test_keras_files_are_targets(folder: Path) -> None:
    images(keras).save("net.keras")
    assert Outcome("summary", "net.keras", "--json").json["name"] == "images"
    assert Outcome("run", "net.keras", "--random", "--json").json["outputs"]
    assert Outcome("export", "net.keras", "-o", "n.onnx", "--json").json["opset"] == 17
    assert fails("summary", "no.keras") == (2, "there is no file no.keras")


# What cannot be converted.


def test_what_is_wrong_with_one_is_one_line(folder: Path) -> None:
    tiny().save("t.keras")
    tiny().save_weights("t.weights.h5")
    (folder / "broken.keras").write_bytes(b"PK\3\4" + b"\0" * 200)
    (folder / "text.h5").write_text("hello")
    (folder / "net.onnx").write_bytes(b"old")
    tiny().save("linked.keras")
    os.link("linked.keras", "linked.onnx")
    for args, code, words in (
        (("no.keras",), 2, "there is no file no.keras"),
        (("broken.keras",), 2, "broken.keras is a damaged ZIP archive"),
        (("text.h5",), 2, "text.h5"),
        (("t.weights.h5",), 1, "t.weights.h5 holds weights and no model"),
        (("net.onnx", "-o", "a.onnx"), 1, "an ONNX graph has operators and no Keras"),
        (("net.onnx",), 2, "the output net.onnx is the model itself"),
        (("linked.keras",), 2, "the output linked.onnx is the model itself"),
        (("t.keras", "-o", "t.keras"), 2, "the output t.keras is the model itself"),
        (("t.keras", "-o", "t.txt"), 2, "the output must end in .onnx, or be a folder"),
        (("t.keras", "-o", "no/a.onnx"), 1, "cannot write no/a.onnx: there is no fo"),
        (("t.keras", "-o", "a.onnx", "--opset", "3"), 2, "opset must be from 17 to "),
        (("t.keras", "--metadata", "x"), 2, "--metadata takes KEY=VALUE"),
        (
            ("t.keras", "--layout", "channels_first"),
            1,
            "is about inputs of rank 3 to 5",
        ),
        ((), 2, "Missing argument 'MODEL...'"),
    ):
        found, said = fails("convert", *args)
        assert (found, words in said) == (code, True), said
    assert (folder / "net.onnx").read_bytes() == b"old"
    assert not (folder / "a.onnx").exists()


def test_no_code_from_a_file_is_run(folder: Path) -> None:
    with_code = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    with_code.save("code.keras")
    code, said = fails("convert", "code.keras")
    assert code == 2
    assert "(Lambda): Lambda runs Python code that the file holds" in said
    assert no_more_than("code.keras")


def test_ctrl_c_leaves_nothing_half_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny().save("t.keras")
    (folder / "t.onnx").write_bytes(b"old")
    seen: list[list[str]] = []

    def interrupt(path: Path, *args: Any, **more: Any) -> None:
        seen.append(sorted(os.listdir(path.parent)))
        raise KeyboardInterrupt

    monkeypatch.setattr(exporter, "verify_file", interrupt)
    for models in (["t.keras"], ["."]):
        outcome = Outcome("convert", *models)
        assert (outcome.code, outcome.out) == (130, "")
        assert outcome.err.strip() == "seqir: interrupted"
    assert seen == [[".lock", "t.onnx"]] * 2  # it had been written, elsewhere
    assert (folder / "t.onnx").read_bytes() == b"old"
    assert no_more_than("t.keras", "t.onnx")


# Weights that are not finite.


def test_weights_that_are_not_finite(folder: Path) -> None:
    model = seqir.Sequential(
        [
            seqir.Input((2,), name="x"),
            layers.Dense(1, name="d"),
            layers.Dense(1, name="e"),
        ],
        name="bad",
    )
    model.layers[0].set_weights([np.full((2, 1), np.nan), np.zeros(1)])
    model.save("one.keras")
    model.layers[1].set_weights([np.ones((1, 1)), np.full(1, np.inf)])
    model.save("two.keras")

    loose = Outcome("convert", "one.keras", "--no-verify", "--json")
    assert loose.json["files"][0]["not_finite"] == ["bad/d/kernel"]
    said = "weight 'bad/d/kernel' holds NaN or infinite values"
    assert loose.err == f"seqir: warning: one.keras: {said}\n"
    several = "2 weights hold NaN or infinite values, first 'bad/d/kernel'"
    for args, words in (("one.keras", said), ("two.keras", several)):
        strict = fails(
            "convert", args, "--no-verify", "--strict-finite", "-o", "s.onnx"
        )
        assert strict == (1, f"{words}, which --strict-finite refuses")
    verified = Outcome("convert", "two.keras")
    assert verified.code == 1
    assert verified.err.splitlines() == [
        f"seqir: warning: two.keras: {several}",
        "seqir: error: output 'e' is not finite because weight 'd/kernel' holds NaN or "
        "infinite values; fix the weight, or export with --no-verify",
    ]
    assert no_more_than("one.keras", "one.onnx", "two.keras")


# Classes of the user's.


@pytest.mark.parametrize("name", ["own.py:Twice", "own.py:ALL", "own:Twice"])
def test_classes_of_the_users(name: str, folder: Path) -> None:
    (folder / "own.py").write_text(OWN)
    stack = [seqir.Input((2,), name="x"), Twice(name="twice")]
    seqir.Sequential(stack, name="s").save("s.keras")
    sys.modules.pop("own", None)
    outcome = Outcome("convert", "s.keras", "--custom-objects", name, "--json")
    assert outcome.json["files"][0]["report"]["nodes"] == {"Mul": 1}
    assert outcome.err == "hello from the layers\n"
    assert np.all(run("s.onnx", np.ones((1, 2), np.float32)) == 2)


def test_classes_that_are_not_there(folder: Path) -> None:
    (folder / "own.py").write_text(OWN.replace("print", "len"))
    (folder / "leave.py").write_text(OWN.replace("print", "len"))
    seqir.Sequential([seqir.Input((2,)), Twice(name="twice")]).save("s.keras")
    code, said = fails("convert", "s.keras")
    assert code == 1
    assert "'Twice' is a class of test_cli_convert: pass it as --custom-objects" in said
    for name, code, words in (
        ("own.py:Twize", 2, "own.py has no object 'Twize'. Did you mean 'Twice'?"),
        ("own.py", 2, "which object of own.py? write own.py:NAME"),
        ("gone.py:A", 2, "there is no file gone.py"),
        ("gone:A", 2, "there is no module 'gone', and no file gone"),
        ("leave.py:A", 2, "leave.py ended the program while it was imported (exit co"),
    ):
        found, said = fails("convert", "s.keras", "--custom-objects", name)
        assert (found, said.startswith(words)) == (code, True), said


# Several files.


@pytest.fixture
def mixed(folder: Path) -> Path:
    """Good ones, bad ones, and what is none, in a folder."""
    models = folder / "models"
    (models / "deep" / "er").mkdir(parents=True)
    (models / ".hidden").mkdir()
    images(keras).save(models / "deep" / "er" / "net.v1.keras")
    tiny().save(models / "same.keras")
    tiny().save(models / "same.h5")
    tiny().save(models / "old.HDF5")
    tiny().save_weights(models / "deep" / "only.weights.h5")
    tiny().save(models / ".hidden" / "h.keras")
    (models / "broken.keras").write_bytes(b"PK\3\4 no")
    (models / "deep" / "read.me").write_text("none of these")
    with_code = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    with_code.save(models / "code.keras")
    return folder


def below(path: Path) -> list[str]:
    return sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file())


def test_a_folder_goes_on_past_what_fails(mixed: Path) -> None:
    outcome = Outcome("convert", "models", "-o", "out")
    assert outcome.code == 1
    assert below(mixed / "out") == [
        "deep/er/net.v1.onnx",
        "old.onnx",
        "same.h5.onnx",
        "same.keras.onnx",
    ]
    said = outcome.err.splitlines()
    assert [line.split(": ")[1:3] for line in said] == [
        ["error", "models/broken.keras"],
        ["error", "models/code.keras"],
        ["note", "models/deep/only.weights.h5"],
    ]
    rows = [line.split("│") for line in outcome.out.splitlines() if "models/" in line]
    assert [(r[1].strip(), r[2].strip()) for r in rows] == [
        ("models/broken.keras", "failed"),
        ("models/code.keras", "failed"),
        ("models/deep/er/net.v1.keras", "converted"),
        ("models/deep/only.weights.h5", "skipped"),
        ("models/old.HDF5", "converted"),
        ("models/same.keras", "converted"),
        ("models/same.h5", "converted"),
    ]
    nodes, size, error, seconds = (cell.strip() for cell in rows[2][3:7])
    assert nodes == "7"
    onnx_file = mixed / "out" / "deep" / "er" / "net.v1.onnx"
    assert int(size.replace(",", "")) == onnx_file.stat().st_size
    assert 0 <= float(error) < 1e-4
    assert float(seconds) >= 0
    x = RNG.uniform(-1, 1, (3, 12, 10, 3)).astype(np.float32)
    assert np.abs(run(str(onnx_file), x) - np.asarray(images(keras)(x))).max() < 1e-4


def test_a_folder_as_json(mixed: Path) -> None:
    import json

    outcome = Outcome("convert", "models", "--no-verify", "--json")
    assert outcome.code == 1
    found = json.loads(outcome.out)
    assert found["failed"] == 2
    results = {f["source"]: f["result"] for f in found["files"]}
    assert list(results.values()).count("converted") == 4
    failed = [f for f in found["files"] if f["result"] == "failed"]
    assert all(f["reason"] and f["report"] is None for f in failed)
    assert all(f"{f['source']}: {f['reason']}" in outcome.err for f in failed)
    # Without -o, each file is beside its model.
    assert (mixed / "models" / "deep" / "er" / "net.v1.onnx").is_file()


def test_several_files_without_a_fault(folder: Path) -> None:
    tiny().save("a.keras")
    tiny().save("b.h5")
    outcome = Outcome("convert", "a.keras", "b.h5", "-o", "new/folder", "--no-verify")
    assert (outcome.code, outcome.err) == (0, "")
    assert below(folder / "new") == ["folder/a.onnx", "folder/b.onnx"]
    assert "not verified" in outcome.out


def test_two_files_are_never_written_to_one(folder: Path) -> None:
    for name in ("a/net.keras", "b/net.keras"):
        (folder / name).parent.mkdir()
        tiny().save(name)
    outcome = Outcome("convert", "a/net.keras", "b/net.keras", "-o", "out")
    assert outcome.code == 1
    assert below(folder / "out") == ["net.keras.onnx"]
    assert outcome.err == (
        "seqir: error: b/net.keras: out/net.keras.onnx is already the file for "
        "a/net.keras: convert it alone, to a name of its own\n"
    )


def test_a_folder_that_cannot_be_made(folder: Path) -> None:
    tiny().save("a.keras")
    (folder / "file").write_text("")
    outcome = Outcome("convert", ".", "-o", "file/below")
    assert outcome.code == 1
    why = "cannot make the folder file/below: Not a directory"
    assert outcome.err == f"seqir: error: a.keras: {why}\n"
    assert no_more_than("a.keras", "file")


def test_folders_that_make_no_sense(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "file").write_text("")
    tiny().save("a.keras")
    several = "is one file, and what is converted are several: give a folder"
    for args, words in (
        (("empty",), "there is no .keras, .h5 or .hdf5 file in the folder empty"),
        (("a.keras", "empty", "-o", "b.onnx"), f"-o b.onnx {several}"),
        ((".", "-o", "file"), f"-o file {several}"),
    ):
        assert fails("convert", *args) == (2, words)


# A program of its own.


def test_neither_keras_nor_tensorflow_is_loaded(folder: Path) -> None:
    images(keras).save("net.keras")
    code = (
        "import sys\n"
        "from seqir.cli import main\n"
        "sys.argv = ['seqir', 'convert', 'net.keras', '--json']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    heavy = {'keras', 'tensorflow', 'jax', 'torch', 'rich', 'networkx'}\n"
        "    print(heavy & set(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "set()\n")
