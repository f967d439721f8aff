"""The commands that run models: run, features, plot, doctor, and the real program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import Outcome, fails, model_folder

ort = pytest.importorskip("onnxruntime")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from model_folder(tmp_path, monkeypatch)


# run.


def picture(path: Path, size: tuple[int, int] = (24, 18)) -> None:
    image = pytest.importorskip("PIL.Image")
    image.effect_noise(size, 50).convert("RGB").save(path)


def test_run_a_model_and_its_file_alike(folder: Path) -> None:
    x = np.random.default_rng(0).uniform(0, 255, (5, 9, 12, 3)).astype(np.float32)
    np.save("x.npy", x)
    Outcome("export", "model.py:net", "-o", "net.onnx")
    options = ("--input", "x.npy", "--batch-size", "2", "--threads", "1", "--json")
    one = Outcome("run", "model.py:net", "-o", "a.npz", *options).json
    two = Outcome("run", "net.onnx", "-o", "b.npz", *options).json
    assert one["device"] == two["device"] == "cpu"
    assert one["outputs"]["scores"]["shape"] == [5, 2]
    with np.load("a.npz") as first, np.load("b.npz") as second:
        a, b = first["scores"], second["scores"]
    np.testing.assert_allclose(a, b, 1e-5, 1e-5)
    assert two["outputs"]["scores"]["max"] == b.astype(np.float64).max()
    assert "values" not in two["outputs"]["scores"]


def test_run_prints_small_outputs(folder: Path) -> None:
    np.save("x.npy", np.ones((1, 9, 12, 3)))
    values = Outcome("run", "model.py:net", "--input", "x.npy", "--json").json
    values = values["outputs"]["scores"]["values"]
    assert np.shape(values) == (1, 2)
    text = Outcome("run", "model.py:net", "--input", "x.npy", "-o", "y.npy").out
    assert text.startswith("scores: float32[1, 2] from ")
    assert "y.npy: written; on cpu in " in text
    np.testing.assert_allclose(np.load("y.npy"), values)
    assert " = [[" in Outcome("run", "model.py:net", "--input", "x.npy").out


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_run_a_picture(folder: Path, suffix: str) -> None:
    picture(folder / f"p.{suffix}")
    Outcome("export", "model.py:net", "-o", "f.onnx", "--layout", "channels_first")
    option = ("--input", f"p.{suffix}", "--json")
    model = Outcome("run", "model.py:net", *option).json["outputs"]["scores"]
    file = Outcome("run", "f.onnx", *option).json["outputs"]["scores"]
    np.testing.assert_allclose(model["values"], file["values"], 1e-5, 1e-6)


def test_run_several_inputs(folder: Path) -> None:
    a, b = np.ones((2, 3), np.float32), np.full((2, 3), 4, np.float32)
    np.save("a.npy", a)
    np.save("b.npy", b)
    np.savez("both.npz", left=a, right=b)
    Outcome("export", "model.py:two", "-o", "two.onnx")
    for target in ("model.py:two", "two.onnx"):
        for inputs in (("left=a.npy", "right=b.npy"), ("both.npz",)):
            options = [x for name in inputs for x in ("--input", name)]
            found = Outcome("run", target, *options, "--json").json
            assert found["outputs"]["sum"]["values"] == [[5, 5, 5]] * 2


def test_run_random_is_always_the_same(folder: Path) -> None:
    args = ("run", "model.py:net", "--random", "--batch-size", "3", "--json")
    one, two = Outcome(*args).json, Outcome(*args).json
    assert one["outputs"] == two["outputs"]
    assert one["outputs"]["scores"]["shape"] == [3, 2]


def test_run_says_what_is_not_finite(folder: Path) -> None:
    found = Outcome("run", "model.py:bad", "--random", "--json").json
    assert found["outputs"]["d"]["not_finite"] == 1
    assert found["outputs"]["d"]["values"] == [[None]]
    assert "1 not finite" in Outcome("run", "model.py:bad", "--random").out


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("net", "--input", "no.npy"), 2, "there is no file no.npy"),
        (("net",), 2, "no --input for image; write --input image=FILE, or --random"),
        (("net", "--input", "x.txt"), 2, "cannot read x.txt: an input is .npy, .npz"),
        (("net", "--input", "bad.npy"), 2, "cannot read bad.npy: "),
        (("net", "--input", "bad.npz"), 2, "cannot read bad.npz: "),
        (("net", "--input", "bad.png"), 2, "cannot read bad.png: it is not a picture"),
        (("net", "--input", "object.npy"), 2, "cannot read object.npy: Object arrays"),
        (("net", "--input", "wrong.npy"), 2, "Invalid input shape for input 'image'"),
        (("net", "--input", "imgae=x.npy"), 2, "the model has no input 'imgae', its "
         "inputs are image. Did you mean 'image'?"),
        (("net", "--input", "x.npy", "--random"), 2, "--input and --random exclude"),
        (("net", "--input", "x.npy", "--input", "x.npy"), 2, "input 'image' is given"),
        (("two", "--input", "x.npy"), 2, "the model has the inputs left, right; say "),
        (("two", "--input", "left=x.npy"), 2, "no --input for right; write --input ri"),
        (("two", "--input", "many.npz"), 2, "many.npz holds p, q; the model's inputs"),
        (("make", "--input", "p.png"), 2, "p.png is a picture, and input 'input_layer"),
        (("net", "--random", "-o", "y.txt"), 2, "arrays are written to .npz or .npy"),
        (("net", "--random", "-o", "no/y.npz"), 1, "cannot write no/y.npz: there is"),
        (("net", "--random", "--device", "gpu"), 2, "'gpu' is not a device; use one "),
        (("net", "--random", "--device", "rocm"), 3, "device 'rocm' does not work: "),
        (("unbuilt", "--random"), 2, "model 'unbuilt' is not built yet and has"),
    ],
)  # fmt: skip
def test_run_errors(
    folder: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    for name in ("x.txt", "bad.npy", "bad.npz", "bad.png"):
        (folder / name).write_text("this is no such file")
    np.save("x.npy", np.ones((1, 9, 12, 3)))
    np.save("wrong.npy", np.ones((1, 9, 11, 3)))
    np.save("object.npy", np.array([{}]), allow_pickle=True)
    np.savez("many.npz", p=np.ones(1), q=np.ones(1))
    picture(folder / "p.png")
    found, line = fails("run", f"model.py:{args[0]}", *args[1:])
    assert line.startswith(message)
    assert found == code


def test_run_errors_of_files(folder: Path) -> None:
    (folder / "bad.onnx").write_text("no model")
    code, line = fails("run", "bad.onnx", "--random")
    assert code == 1
    assert line.startswith("onnxruntime could not load the model: ")
    assert fails("run", "no.onnx", "--random") == (2, "there is no file no.onnx")
    Outcome("export", "model.py:net", "-o", "net.onnx")
    np.save("x.npy", np.ones((1, 9, 11, 3)))
    code, line = fails("run", "net.onnx", "--input", "x.npy")
    assert code == 2
    assert line == (
        "input 'image' has shape (1, 9, 11, 3), the model wants (batch, 9, 12, 3)"
    )


def test_a_missing_package_is_code_3(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(folder / "p.png")
    monkeypatch.setitem(sys.modules, "PIL", None)
    code, line = fails("run", "model.py:net", "--input", "p.png")
    assert code == 3
    assert line.startswith("reading a picture needs Pillow, which is not installed")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, line = fails("run", "model.py:net", "--random")
    assert code == 3
    assert 'pip install "seqir[cpu]"' in line


# features.


def test_features_as_a_model(folder: Path) -> None:
    report = Outcome(
        "features", "model.py:net", "--layers", "conv", "-o", "f.onnx", "--json"
    ).json
    assert report["outputs"] == {"conv": "f32[batch, 7, 10, 4]"}
    assert report["parameters"] == 112
    report = Outcome(
        "features", "model.py:net", "--layers", "sco.*", "--inputs", "conv",
        "-o", "head.onnx", "--json",
    ).json  # fmt: skip
    assert report["inputs"] == {"conv": "f32[batch, 7, 10, 4]"}
    assert report["parameters"] == 10


def test_features_of_an_input(folder: Path) -> None:
    np.save("x.npy", np.ones((2, 9, 12, 3), np.float32))
    outcome = Outcome(
        "features", "model.py:net", "--layers", ".*", "-o", "f.npz",
        "--input", "x.npy",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    with np.load("f.npz") as archive:
        features = dict(archive)
    assert list(features) == ["scale", "conv", "pool", "scores"]
    np.testing.assert_allclose(features["scale"], 1 / 255)
    np.testing.assert_array_equal(features["pool"], features["conv"].max((1, 2)))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--layers", "cnv", "-o", "f.onnx"), "no layer of model 'net' matches "
         "outputs='cnv'. Did you mean 'conv'? Layers: image, scale, conv"),
        (("--layers", "(", "-o", "f.onnx"), "outputs='(' is not a regular expression"),
        (("--layers", "conv", "-o", "f.txt"), "arrays are written to .npz or .npy"),
        (("--layers", "conv", "-o", "f.npz"), "no --input for image"),
        (("--layers", "conv", "-o", "f.onnx", "--random"), "--input and --random are "
         "for features in an .npz"),
        (("--layers", ".*", "-o", "f.npy", "--random"), "f.npy holds one array, the "
         "outputs are scale, conv, pool, scores; use .npz"),
        (("--layers", "conv", "--inputs", "pool", "-o", "f.onnx"), "the outputs are "
         "not connected to the inputs alone: they also need 'image'"),
    ],
)  # fmt: skip
def test_features_errors(folder: Path, args: tuple[str, ...], message: str) -> None:
    code, line = fails("features", "model.py:net", *args)
    assert line.startswith(message)
    assert code == 2


# plot.


@pytest.mark.parametrize("suffix", ["svg", "html", "png"])
def test_plot(folder: Path, suffix: str) -> None:
    if suffix == "png":
        pytest.importorskip("matplotlib")
    path = folder / f"net.{suffix}"
    options = ("--params", "--rankdir", "LR", "--expand-nested", "--no-shapes")
    outcome = Outcome("plot", "model.py:net", "-o", path.name, *options)
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{path.name}: {path.stat().st_size:,} bytes\n"
    found = Outcome("plot", "model.py:net", "-o", path.name, "--json").json
    assert found == {"path": path.name, "bytes": path.stat().st_size}


def test_plot_errors(folder: Path) -> None:
    assert fails("plot", "model.py:net", "-o", "net.docx")[0] == 2
    assert fails("plot", "model.py:net", "-o", "no/net.svg")[0] == 1


# doctor.


def test_doctor() -> None:
    outcome = Outcome("doctor")
    assert outcome.code == 0
    assert f"onnxruntime  {ort.__version__}" in outcome.out
    assert "cpu          works" in outcome.out
    found = Outcome("doctor", "--json").json
    assert found["devices"]["cpu"] == {"works": True, "reason": None}


def test_doctor_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    outcome = Outcome("doctor")
    assert outcome.code == 3
    assert "onnxruntime  not there" in outcome.out
    assert 'pip install "seqir[cpu]"' in outcome.out


# The real program.

PROGRAM = [sys.executable, "-c", "from seqir.cli import main; main()"]


def program(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *args], capture_output=True, text=True, check=False, **options
    )


def test_program(folder: Path) -> None:
    done = program("export", "model.py:make", "-o", "made.onnx", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parameters"] == 10
    done = program("run", "made.onnx", "--random")
    assert done.returncode == 0, done.stderr
    done = program("summary", "model.py:nte")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("seqir: error: model.py has no")
    assert "Traceback" not in done.stderr


def test_help_is_fast_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, atexit\n"
        "from seqir.cli import main\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "sys.argv = ['seqir', '--help']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "onnx", "onnxruntime", "rich"} & set(done.stderr.split())

    def clock(*command: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        return time.perf_counter() - start

    bare = min(clock("-c", "import click") for _ in range(3))
    ours = min(clock(*PROGRAM[1:], "--help") for _ in range(3))
    assert ours < bare + 0.15


def test_a_reader_that_leaves_is_no_error(folder: Path) -> None:
    (folder / "big.py").write_text(
        "import seqir\nfrom seqir import layers\n"
        "net = seqir.Sequential([seqir.Input((1,))]"
        " + [layers.Dense(1) for _ in range(700)])\n"
    )
    for args in ("summary big.py:net", "summary big.py:net --json", "--help"):
        run = subprocess.Popen(
            [*PROGRAM, *args.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
        assert run.stdout
        assert run.stderr
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait() == 0
        run.stderr.close()


def test_completion() -> None:
    env = {**os.environ, "_SEQIR_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    done = program(env={**env, "COMP_WORDS": "seqir su"})
    assert "plain,summary" in done.stdout


def test_the_program_is_a_module_as_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seqir", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == program("--version").stdout
