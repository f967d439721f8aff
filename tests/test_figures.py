"""Limits of what `tools.figures` counts."""

from __future__ import annotations

import pytest

from tools import figures


def test_no_file_is_long() -> None:
    assert max(package.longest for package in figures.packages()) <= 600


def test_annotations_say_types() -> None:
    found = figures.packages()
    untyped = sum(package.untyped for package in found)
    assert untyped <= 0.1 * sum(package.annotations for package in found)


def test_no_function_is_there_twice() -> None:
    assert figures.repeated() == []


def test_what_equals_another_function_but_for_names_is_found(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f"    v{i} = f(v{i}, {i})\n" for i in range(8))
    path = figures.ROOT.__class__(str(tmp_path)) / "seqir"
    path.mkdir()
    (path / "a.py").write_text(f"def one(f, v0):\n{lines}")
    (path / "b.py").write_text(
        "def two(g, w0):\n    '''Two.'''\n"
        + lines.replace("v", "w").replace("f(", "g(")
        + "\ndef three(g, w0):\n"
        + lines.replace("1", "9")
    )
    monkeypatch.setattr(figures, "ROOT", path)
    assert figures.repeated() == [["seqir.a.one", "seqir.b.two"]]


def test_the_table_has_a_row_for_each_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures.main()
    printed = capsys.readouterr().out
    for package in figures.packages():
        assert f"| {package.name or 'seqir itself'} |" in printed
    assert "Circles of imports: " in printed
