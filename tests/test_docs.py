"""What README.md, docs/ and their neighbours show is run, and prints what they say.

A ``python`` block is executed, all blocks of a file in one namespace and in an empty
folder; a ``text`` block right behind it is what it prints. In a ``console`` block the
lines behind ``$ seqir`` are run by the program. A block behind the comment
``<!-- not run -->`` is left alone. Small numbers, file sizes and times may differ.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from test_repository import FLOORS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(
    r"(?P<skip><!-- not run -->\n+)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
CHECKED = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "architecture.md",
    "errors.md",
    "export.md",
    "keras.md",
)


class Block(NamedTuple):
    kind: str
    text: str
    line: int
    skipped: bool


def blocks(page: Path) -> list[Block]:
    source = page.read_text()
    return [
        Block(
            m["kind"],
            m["text"],
            source.count("\n", 0, m.start("text")) + 1,
            m["skip"] is not None,
        )
        for m in FENCE.finditer(source)
    ]


def same(found: str, wanted: str) -> bool:
    checker = doctest.OutputChecker()
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return checker.check_output(_steady(wanted), _steady(found), flags)


def _steady(text: str) -> str:
    text = re.sub(r"\d[\d.]*e-\d+", "SMALL", text)
    text = re.sub(r"(?<=largest error )0 absolute, 0", "SMALL absolute, SMALL", text)
    text = re.sub(r"[\d,]+ bytes", "SIZE", text)
    return re.sub(r"\d+\.\d ms", "TIME", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace: dict[str, Any] = {"__name__": page.stem}
    found = blocks(page)
    for block, then in itertools.zip_longest(found, found[1:]):
        where = f"{page.name}:{block.line}"
        if block.skipped:
            continue
        if block.kind == "python":
            code = "\n" * block.line + block.text
            printed = io.StringIO()
            if name := re.match(r"# (\w+\.py)\n", block.text):
                Path(name[1]).write_text(block.text)
            with contextlib.redirect_stdout(printed):
                exec(compile(code, where, "exec", dont_inherit=True), namespace)
            if then is not None and then.kind == "text":
                assert same(printed.getvalue(), then.text), (
                    f"{where}\n{printed.getvalue()}"
                )
        elif block.kind == "console":
            for command, output in sessions(block.text):
                done = run(command)
                assert same(done, output) or not output, f"{where}: {command}\n{done}"


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block with what they print."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        if command.startswith("seqir "):
            yield command, output


def run(command: str) -> str:
    words = shlex.split(command, comments=True)
    program = [sys.executable, "-c", "from seqir.cli import main; main()"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*program, *words[1:]], capture_output=True, text=True, check=False, env=env
    )
    shown = done.stdout + done.stderr
    return shown + (f"[exit code {done.returncode}]\n" if done.returncode else "")


def test_all_pages_are_there() -> None:
    assert {p.name for p in PAGES} >= set(CHECKED)


def test_every_fence_has_a_known_kind() -> None:
    known = {"python", "text", "console", "sh", "bash"}
    for page in PAGES:
        assert {b.kind for b in blocks(page)} <= known, page.name
        assert len(re.findall(r"^```", page.read_text(), re.M)) % 2 == 0


def test_readme_and_ci_run_the_same_tests() -> None:
    """The command that README gives for the tests is what CI runs."""
    (command,) = re.findall(r"&& (\S+ -m pytest.*)$", _readme(), re.M)
    assert command in (ROOT / ".ci" / "run").read_text()


def test_the_map_shows_every_package() -> None:
    architecture = (ROOT / "docs/architecture.md").read_text()
    for packages in FLOORS:
        for package in packages.split():
            assert re.search(rf"`{package}/?`", _readme()), package
            assert f"`{package}`" in architecture, package


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_promise_of_security_is_shown_by_a_test() -> None:
    page = (ROOT / "SECURITY.md").read_text()
    promises = page.partition("| promise |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(promises) > 10
    for promise in promises:
        shown = re.findall(r"`(test_\w+\.py)::(test_\w+)`", promise)
        assert shown, promise
        for file, name in shown:
            assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(), name


def _readme() -> str:
    return (ROOT / "README.md").read_text()


MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in (ROOT / "seqir").rglob("*.py")
    if ">>>" in path.read_text()
)


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name: str) -> None:
    module = importlib.import_module(name.removesuffix(".__init__"))
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed
