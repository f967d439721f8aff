"""Names that would command a terminal or a page are harmless in all ways out."""

import io
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import seqir as keras
from seqir import callbacks, layers, metrics
from seqir.cli.commands import app
from seqir.errors import ArgumentError, SeqirError
from seqir.text import harmless, one_line

ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\r\x08\x7f"
TURNED = "\u202egnp.exe\u2066\u200f\u2028"
MARKUP = "<script>alert(1)<img src=x onerror=alert(2)>\"'&]]><!--[red]$(id)"
HOSTILE = f"{ESCAPES}{TURNED}{MARKUP}\nTotal params: 0"
X, Y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)

COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]"
)


def hostile(**options: Any) -> Any:
    model = keras.Sequential(
        [
            keras.Input((4,), name=f"in{HOSTILE}"),
            layers.Dense(3, name=f"a{HOSTILE}", activation="relu"),
            layers.Dense(1, name=f"b{HOSTILE}"),
        ],
        name=f"m{HOSTILE}",
    )
    model.compile("sgd", "mse", **options)
    return model


def said(act: Callable[[], Any]) -> str:
    """The message and notes of the error that must come."""
    with pytest.raises(SeqirError) as caught:
        act()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def trained(model: Any, **options: Any) -> Any:
    return model.fit(X, Y, epochs=2, verbose=0, **options)


def printed(model: Any, **options: Any) -> str:
    kept: list[str] = []
    model.summary(print_fn=kept.append, **options)
    return "\n".join(kept)


TEXTS: dict[str, Callable[[Any], Any]] = {
    "repr of a model": repr,
    "repr of a layer": lambda m: repr(m.layers[0]),
    "repr of a weight": lambda m: repr(m.weights[0]) + str(m.weights[0]),
    "repr of a tensor": lambda m: repr(m.inputs) + repr(m.layers[0].output),
    "summary": printed,
    "plain summary": lambda m: printed(m, style="plain"),
    "costs": lambda m: printed(m, show_cost=True, show_trainable=True),
    "a graph": lambda m: str(m.graph()),
    "a graph in training": lambda m: str(m.graph(training=True)),
    "wrong input": lambda m: said(lambda: m(np.ones((2, 5)))),
    "wrong weights": lambda m: said(lambda: m.set_weights([np.ones(3)])),
    "no such layer": lambda m: said(lambda: m.get_layer(HOSTILE)),
    "no such cut": lambda m: said(lambda: m.slice(HOSTILE)),
    "no such file": lambda m: said(lambda: m.load_weights(f"{HOSTILE}.h5")),
    "no such folder": lambda m: said(lambda: m.save(f"{HOSTILE}/m.keras")),
    "no such format": lambda m: said(lambda: m.save(f"m.{HOSTILE}")),
    "no such loss": lambda m: said(lambda: m.compile("sgd", HOSTILE) or trained(m)),
    "history": lambda m: repr(trained(m)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str) -> None:
    text = TEXTS[name](hostile())
    assert text
    assert not COMMANDS.findall(text)
    assert "\\x1b[31m" in text or "keras.h5" in text or name == "history"


def test_a_name_adds_no_line_to_a_table() -> None:
    for style in ("rich", "plain"):
        totals = [
            line
            for line in printed(hostile(), style=style).splitlines()
            if line.strip().startswith("Total params")
        ]
        assert len(totals) == 1


PAGES: dict[str, Callable[[Any], Any]] = {
    "summary": lambda m: m._repr_html_(),
    "graph": lambda m: m.graph()._repr_html_(),
    "history": lambda m: trained(m)._repr_html_(),
    "export": lambda m: m.export("m.onnx")._repr_html_(),
    "plot": lambda m: _plot(m, "m.svg"),
    "page": lambda m: _plot(m, "m.html"),
}


def _plot(model: Any, name: str) -> str:
    keras.utils.plot_model(
        model, name, show_shapes=True, show_layer_names=True, show_dtype=True
    )
    return Path(name).read_text()


@pytest.mark.parametrize("name", PAGES)
def test_pages(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = hostile(metrics=[metrics.MeanAbsoluteError(name=HOSTILE)])
    text = PAGES[name](model)
    assert not COMMANDS.findall(text)
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "<!--[red]" not in text
    if name == "plot":
        ET.fromstring(text)


def test_pictures(tmp_path: Path) -> None:
    keras.utils.plot_model(hostile(), str(tmp_path / "m.png"))
    assert (tmp_path / "m.png").stat().st_size > 1000


def test_progress(capfd: pytest.CaptureFixture[str]) -> None:
    model = hostile(metrics=[metrics.MeanAbsoluteError(name=HOSTILE)])
    for verbose in (1, 2):
        model.fit(X, Y, verbose=verbose)
        model.evaluate(X, Y, verbose=verbose)
    out, err = capfd.readouterr()
    assert not COMMANDS.findall(out + err)
    assert err.count("\\x1b[31m") >= 4
    assert not any(line.startswith("Total") for line in err.splitlines())


def test_tables_of_values(tmp_path: Path) -> None:
    names = [f"a{HOSTILE}", "=HYPERLINK(x)", "+1", "-1", "@x"]
    model = hostile(metrics=[metrics.MeanAbsoluteError(name=name) for name in names])
    path = tmp_path / "log.csv"
    for append in (False, True):
        logger = callbacks.CSVLogger(path, append=append)
        trained(model, callbacks=[logger])
    text = path.read_text()
    assert not COMMANDS.findall(text)
    head, *rows = text.splitlines()
    assert len(rows) == 4
    assert all("NA" not in row.split(",")[1] for row in rows)
    for name in names[1:]:
        assert f"'{name}" in head


def test_files_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = hostile()
    report = model.export("m.onnx", metadata={HOSTILE: HOSTILE})
    assert not COMMANDS.findall(str(report))
    model.save("m.keras")
    again = keras.models.load_model("m.keras")
    assert again.layers[0].name == f"a{HOSTILE}"
    assert again.name == model.name


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("models")
    folder.mkdir()
    for name in ("[red]x[", "\x1b[31m\u202ey"):
        hostile().save(folder / f"{name}.keras")
    (folder / "\x1b[0mbroken.keras").write_bytes(b"no zip")
    plain = next(folder.glob("*x*"))
    np.save("x.npy", X)
    commands = (
        ["summary", str(plain)],
        ["export", str(plain), "-o", "m.onnx"],
        ["convert", "models", "-o", "out"],
        ["run", str(plain), "--input", "x.npy"],
        ["run", str(plain), "--input", f"{HOSTILE}=x.npy"],
        ["features", str(plain), "--layers", HOSTILE, "-o", "f.onnx"],
        ["plot", str(plain), "-o", "m.svg"],
        ["summary", f"{HOSTILE}.keras"],
        ["summary", "models/\x1b[0mbroken.keras"],
    )
    for command in commands:
        result = CliRunner().invoke(app, command)
        assert not isinstance(result.exception, UnicodeError | TypeError), command
        text = result.output + result.stderr
        assert text, command
        assert not COMMANDS.findall(text), command


def test_what_is_harmless_stays() -> None:
    for text in (
        "dense/kernel",
        "größe",
        "模型",
        "ذكاء",
        "שלום",
        "e\u0301",
        "👩\u200d💻",
    ):
        assert harmless(text) == one_line(text) == text
    assert harmless("two\nlines\tand a tab") == "two\nlines\tand a tab"
    assert one_line("two\nlines\t") == "two\\nlines\\t"
    assert harmless("a\ud800b\udc80") == "a\\ud800b\\udc80"
    assert str(ArgumentError("a\x1b[0m", 3)) == str(("a\\x1b[0m", 3))


def test_half_characters_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """A path that is not UTF-8 comes as such, and no encoding can write it."""
    name = os.fsdecode(b"caf\xe9")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, name=name)])
    model.summary()
    assert "caf\\udce9" in capsys.readouterr().out
    json.dumps(printed(model)).encode()
    io.TextIOWrapper(io.BytesIO(), "utf-8").write(repr(model.layers[0]))
