"""The pages made of signatures and docstrings say what the code says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import seqir
from tools import api_pages

ROOT = Path(__file__).parents[1]


def test_the_pages_are_up_to_date() -> None:
    made = api_pages.pages()
    found = {*(ROOT / "docs" / "api").glob("*.md"), ROOT / "docs" / "api.md"}
    stale = [p.name for p in sorted(made) if p not in found or p.read_text() != made[p]]
    stale += [path.name for path in sorted(found - made.keys())]
    assert not stale, "run: python -m tools.api_pages"


def test_every_public_module_has_a_page_that_a_link_leads_to() -> None:
    index = (ROOT / "docs" / "api.md").read_text()
    for name in seqir.__all__:
        if isinstance(getattr(seqir, name), type(seqir)):
            page = api_pages.ELSEWHERE.get(name, f"api/{name}.md")
            assert f"[`{name}`]({page})" in index
            assert (ROOT / "docs" / page).exists()


def test_pages_name_no_address_and_no_folder() -> None:
    for path, text in api_pages.pages().items():
        for word in (" at 0x", "<function", "<class", str(ROOT)):
            assert word not in text, path.name


def test_pages_are_the_same_in_each_process() -> None:
    code = (
        "import sys; from tools import api_pages as a\n"
        "sys.stdout.buffer.write(chr(0).join(a.pages().values()).encode())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code]
    other = subprocess.run(run, env=env, capture_output=True, check=True).stdout
    assert other.decode() == chr(0).join(api_pages.pages().values())


def test_parts_of_a_page() -> None:
    """What a signature, a docstring and a class become."""

    class Thing:
        """What it is, in * one * line.

        More of it.

        Raises: ArgumentError if it is
            not so.
        """

        def __init__(self, size: int | None = None, *, rest: float = 0.5) -> None:
            pass

        def use(self, x: object) -> None:
            """Use it."""

        @property
        def whole(self) -> bool:
            """Whether it is."""
            return True

    assert list(api_pages.entry("Thing", Thing)) == [
        "```text\nThing(size: int | None = None, *, rest: float = 0.5)\n```",
        "What it is, in \\* one \\* line.",
        "*Raises:* ArgumentError if it is not so.",
        "- `use(x)`: Use it.\n- `whole`: Whether it is.",
    ]
