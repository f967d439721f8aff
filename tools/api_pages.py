"""The pages of everything public: ``python -m tools.api_pages``.

Writes docs/api.md and, for each public module, docs/api/<module>.md from signatures
and docstrings; a test compares the pages with what this makes.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import seqir
from seqir.layer.offered import offered

DOCS = Path(__file__).parents[1] / "docs"
INDEX = """# Everything public, by module

Made by `python -m tools.api_pages` from signatures and docstrings. The functions of
`seqir.ops` have a page of their own, [ops.md](ops.md).

| module | what is in it |
|---|---|
"""
ELSEWHERE = {"ops": "ops.md"}
SECTION = re.compile(r"(Shapes|Weights|Raises|Source): *")
ANY_SECTION = re.compile(
    r"(Args|Attributes|Example|Raises|Returns|Shapes|Source|State|Weights|Yields): *"
)
WIDTH = 88


def pages() -> dict[Path, str]:
    """The text of each page, by its path."""
    modules = {n: m for n, m in top().items() if isinstance(m, ModuleType)}
    things = {n: t for n, t in top().items() if callable(t)}
    made = {DOCS / "api" / "seqir.md": page("seqir", first_line(seqir), things)}
    rows = [row("seqir", "api/seqir.md", seqir)]
    for name, module in modules.items():
        rows.append(row(name, ELSEWHERE.get(name, f"api/{name}.md"), module))
        if name not in ELSEWHERE:
            path = DOCS / "api" / f"{name}.md"
            made[path] = page(f"seqir.{name}", first_line(module), public(module))
    return {DOCS / "api.md": INDEX + "\n".join(rows) + "\n", **made}


def row(name: str, path: str, module: ModuleType) -> str:
    return f"| [`{name}`]({path}) | {first_line(module).replace('|', chr(92) + '|')} |"


def public(module: ModuleType) -> dict[str, Any]:
    """What a module lists, or else defines; of a module in it, what that lists."""
    names = getattr(module, "__all__", None) or [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and getattr(thing, "__module__", None) == module.__name__
    ]
    found: dict[str, Any] = {}
    for name in sorted(names, key=lambda n: (n.lower(), n)):
        thing = getattr(module, name)
        if isinstance(thing, ModuleType) and module is not seqir:
            found |= {f"{name}.{n}": t for n, t in public(thing).items()}
        elif callable(thing):
            found[name] = thing
    return found


def page(title: str, head: str, things: dict[str, Any]) -> str:
    """A heading for each thing, with its signature and what its docstring says."""
    parts = [f"# `{title}`", head]
    for name, thing in things.items():
        parts += [f"## `{name}`", *entry(name, thing)]
    return "\n\n".join(parts) + "\n"


def entry(name: str, thing: Any) -> Iterator[str]:
    yield f"```text\n{signature(name, thing)}\n```"
    text, sections = parsed(inspect.getdoc(thing) or "")
    if text:
        yield text
    yield from (f"*{kind}:* {said}" for kind, said in sections)
    if inspect.isclass(thing):
        methods = "\n".join(
            f"- `{method}{names_of(found)}`: {first_line(found)}"
            for method, found in methods_of(thing)
        )
        if methods:
            yield methods


def methods_of(cls: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties of a class, without those of public classes above it."""
    bases = [base for base in cls.__mro__[1:] if base in entries() or not own(base)]
    inherited = {m for base in bases for m in dir(base)}
    for name in sorted(set(dir(cls)) - inherited):
        found = inspect.getattr_static(cls, name)
        found = getattr(found, "__func__", found)
        if name.startswith("_") or inspect.getdoc(found) is None:
            continue
        if inspect.isfunction(found) or isinstance(found, property | offered):
            yield name, found


def names_of(method: Any) -> str:
    """The names of a method's arguments; nothing for a property."""
    if isinstance(method, property | offered):
        return ""
    names = list(inspect.signature(method).parameters)
    return f"({', '.join(n for n in names if n not in ('self', 'cls'))})"


def own(cls: type) -> bool:
    return cls.__module__.startswith("seqir.")


@functools.cache
def entries() -> frozenset[type]:
    """The classes that have an entry somewhere."""
    places = [seqir, *(m for m in top().values() if isinstance(m, ModuleType))]
    return frozenset(
        thing
        for place in places
        for thing in public(place).values()
        if inspect.isclass(thing)
    )


def top() -> dict[str, Any]:
    return {name: getattr(seqir, name) for name in seqir.__all__}


def signature(name: str, thing: Any) -> str:
    """The call, in one line if it fits, otherwise with a line for each argument."""
    try:
        found = inspect.signature(thing)
    except ValueError:  # a class whose arguments are those of a built-in
        return name
    arguments: list[str] = []
    star = False
    for p in found.parameters.values():
        if p.kind == p.KEYWORD_ONLY and not star:
            arguments.append("*")
        star |= p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        text = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "") + p.name
        if p.annotation is not p.empty:
            text += f": {annotation(p.annotation)}"
        if p.default is not p.empty:
            text += f" = {default(p.default)}"
        arguments.append(text)
    returned = found.return_annotation
    arrow = (
        ""
        if returned is found.empty or inspect.isclass(thing)
        else annotation(returned)
    )
    end = ")" + (f" -> {arrow}" if arrow else "")
    line = f"{name}({', '.join(arguments)}{end}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n{filled(arguments)}\n{end}"


def filled(arguments: list[str]) -> str:
    """The arguments on as few lines as there need be."""
    lines: list[str] = []
    for argument in arguments:
        if lines and len(f"{lines[-1]} {argument},") <= WIDTH:
            lines[-1] += f" {argument},"
        else:
            lines.append(f"    {argument},")
    return "\n".join(lines)


def annotation(found: Any) -> str:
    text = found if isinstance(found, str) else inspect.formatannotation(found)
    return re.sub(
        r"\b(typing|collections\.abc|seqir(\.\w+)+|numpy(\.\w+)*)\.", "", text
    )


def default(found: Any) -> str:
    text = getattr(found, "__name__", None) or repr(found)
    return re.sub(r"<(?:\w+\.)*(\w+) object at 0x\w+>", r"\1()", text)


def parsed(doc: str) -> tuple[str, list[tuple[str, str]]]:
    """The first paragraph, and the sections that the pages show."""
    lines = doc.splitlines()
    first: list[str] = []
    for line in lines:
        if not line.strip() or ANY_SECTION.match(line):
            break
        first.append(line.strip())
    sections: list[tuple[str, str]] = []
    i = 0
    while i < len(lines):
        match = SECTION.match(lines[i])
        i += 1
        if match is None:
            continue
        said = [lines[i - 1][match.end() :]]
        while i < len(lines) and lines[i].startswith(" "):
            said.append(lines[i].strip())
            i += 1
        sections.append((match[1], escaped(" ".join(said).strip())))
    return escaped(" ".join(first)), sections


def escaped(text: str) -> str:
    """Formulas are text: their stars and lines below are no markup."""
    parts = re.split(r"(`+[^`]*`+)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*<\\]|\b_|_\b)", r"\\\1", part)
        for part in parts
    )


def first_line(thing: Any) -> str:
    return parsed(inspect.getdoc(thing) or "")[0]


def write() -> None:
    made = pages()
    (DOCS / "api").mkdir(exist_ok=True)
    for stale in set((DOCS / "api").glob("*.md")) - made.keys():
        stale.unlink()
    for path, text in made.items():
        path.write_text(text)


if __name__ == "__main__":
    write()
