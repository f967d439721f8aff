"""Whatever is done to a valid file, it is read, or it is refused in words."""

import subprocess
import sys
from pathlib import Path

import mutations
import pytest

CASES = dict.fromkeys(mutations.KINDS, 2000)
# Models of many layers: a case takes ten times as long, and its changes hit the same
# few kinds of places.
CASES.update({"config graph.json": 1000, "config keras2.json": 600})
SECONDS = 300


def outcomes(kind: str, folder: Path) -> dict[int, str]:
    """What came of each case; a case that ended the process is known by that."""
    found: dict[int, str] = {}
    first, last = 0, CASES[kind]
    while first < last:
        run = subprocess.run(
            [sys.executable, mutations.__file__, kind, str(first), str(last), folder],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        for line in run.stdout.splitlines():
            number, _, outcome = line.partition(" ")
            found[int(number)] = outcome or f"ended with {run.returncode}"
        assert len(found) > first, run.stderr
        first = len(found)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", mutations.KINDS)
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    found = outcomes(kind, tmp_path)
    wrong = {n: o for n, o in found.items() if o not in ("read", "refused")}
    assert not wrong
    assert len(found) == CASES[kind]
    assert sum(o == "refused" for o in found.values()) > CASES[kind] // 2


def test_a_case_that_ends_the_process_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that kills itself at the third case, and goes on when started anew."""
    child = tmp_path / "child.py"
    child.write_text(
        "import os, sys\n"
        "for n in range(int(sys.argv[2]), int(sys.argv[3])):\n"
        "    print(n, end=' ', flush=True)\n"
        "    os.kill(os.getpid(), 11) if n == 2 else print('read')\n"
    )
    monkeypatch.setattr(mutations, "__file__", str(child))
    monkeypatch.setitem(CASES, "m.keras", 5)
    assert outcomes("m.keras", tmp_path) == {
        0: "read",
        1: "read",
        2: "ended with -11",
        3: "read",
        4: "read",
    }


def test_the_cases_are_the_same_every_time(tmp_path: Path) -> None:
    for kind in mutations.KINDS:
        path = tmp_path / kind.split()[-1]
        mutations.case(kind, 7, tmp_path)
        first = path.read_bytes()
        mutations.case(kind, 8, tmp_path)
        assert path.read_bytes() != first
        mutations.case(kind, 7, tmp_path)
        assert len(path.read_bytes()) == len(first)
