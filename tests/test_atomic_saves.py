"""A save gives the whole new file or leaves the whole old one, whatever happens."""

import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import copy, model

import seqir as keras
from seqir.errors import ExportError, UnsupportedError
from seqir.files import staged
from seqir.models import load_model

KINDS = ("m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.weights.json")
NEW = 7.0
"""What all weights are in the new file; in the old one they are something else."""


def new_model() -> Any:
    made = model()
    made.set_weights([np.full_like(w, NEW) for w in made.get_weights()])
    return made


def save(made: Any, path: Path) -> None:
    whole = path.name in ("m.keras", "m.h5")
    (made.save if whole else made.save_weights)(path)


def load(path: Path) -> Any:
    if path.name in ("m.keras", "m.h5"):
        return load_model(path)
    made = model()
    made.load_weights(path)
    return made


def is_new(path: Path) -> bool:
    """Whether the file is the new one; it is whole in any case, or cannot be loaded."""
    new = {bool((w == NEW).all()) for w in load(path).get_weights()}
    assert len(new) == 1, "half of the weights are new"
    return new.pop()


def content(place: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(place.iterdir())}


def test_a_save_replaces_the_file(tmp_path: Path) -> None:
    for kind in KINDS:
        path = copy(kind, tmp_path)
        assert not is_new(path)
        save(new_model(), path)
        assert is_new(path)
    (shard,) = (name for name in os.listdir(tmp_path) if name not in KINDS)
    assert re.fullmatch(r"m_([0-9a-f]{8}_)?00000\.weights\.h5", shard)


# The disk fails at each step.


@pytest.fixture(params=[(os, "fsync"), (os, "replace"), (tempfile, "mkdtemp")])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the n-th call of a function fail; tells how many there were."""
    owner, name = request.param
    real = getattr(owner, name)
    state = {"calls": 0, "fails": -1}

    def call(*args: Any, **kwargs: Any) -> Any:
        state["calls"] += 1
        if state["calls"] - 1 == state["fails"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return state


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_at_each_step(
    tmp_path: Path, kind: str, step: dict[str, int]
) -> None:
    path = copy(kind, tmp_path)
    made = new_model()
    save(made, path)
    for fails in range(step["calls"]):
        for left in tmp_path.iterdir():
            left.unlink()
        copy(kind, tmp_path)
        before = content(tmp_path)
        step.update(calls=0, fails=fails)
        if failed := _failure(made, path):
            assert "cannot write" in failed
            assert "No space left on device" in failed
            assert sorted(content(tmp_path)) == sorted(before)
            assert content(tmp_path) == before
        step.update(calls=0, fails=-1)
        assert is_new(path) is not bool(failed)


def _failure(made: Any, path: Path) -> str:
    try:
        save(made, path)
    except ExportError as error:
        return str(error)
    return ""


CHILD = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.path.insert(0, {tests!r})
import test_atomic_saves as t
from pathlib import Path
made, path = t.new_model(), Path({path!r})
t.save(made, Path({warm!r}))
before = t.content_of_files(path.parent)
for size in {sizes}:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        t.save(made, path)
    except Exception as error:
        print(type(error).__name__, error)
    else:
        print("saved")
    assert t.content_of_files(path.parent) == before, size
    assert sorted(p.name for p in path.parent.iterdir()) == sorted([*before, "warm"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_in_the_middle_of_a_file(tmp_path: Path, kind: str) -> None:
    path = copy(kind, tmp_path)
    warm = tmp_path / "warm"
    warm.mkdir()
    save(new_model(), warm / kind)
    whole = max(map(len, content(warm).values()))
    sizes = (0, 1, whole // 2, whole - 1)
    code = CHILD.format(
        tests=str(Path(__file__).parent),
        warm=str(warm / kind),
        sizes=sizes,
        path=str(path),
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    told = run.stdout.splitlines()
    assert len(told) == len(sizes), run
    for line in told:
        assert line.startswith("ExportError cannot write")
        assert "File too large" in line


def content_of_files(place: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(place.iterdir()) if p.is_file()}


STORM = """
import os, random, signal, sys, time
sys.path.insert(0, {tests!r})
import test_atomic_saves as t
from pathlib import Path
old, new, path = t.model(), t.new_model(), Path({path!r})
chance = random.Random(0)
for _ in range(5):
    child = os.fork()
    while not child:
        for made in (new, old):
            t.save(made, path)
    time.sleep(chance.uniform(0.01, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    t.load(path)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["m.keras", "m.h5", "m.weights.h5", "m.safetensors"])
def test_killed_while_it_saves(tmp_path: Path, kind: str) -> None:
    path = copy(kind, tmp_path)
    before = path.stat().st_mtime_ns
    code = STORM.format(tests=str(Path(__file__).parent), path=str(path))
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.stat().st_mtime_ns != before, "nothing was saved"
    parts = [p for p in tmp_path.iterdir() if p != path]
    assert all(p.is_dir() and p.name.startswith(f".{kind}.") for p in parts)
    save(new_model(), path)  # sweeps up what the killed ones left
    assert os.listdir(tmp_path) == [kind]


def test_what_killed_processes_left_is_swept_up(tmp_path: Path) -> None:
    path = copy("m.keras", tmp_path)
    beside = tmp_path / ".m.keras.theirs"  # a name that seqir does not make
    names = (".other.keras.abcd1234", ".m.keras.12345678")
    others = [beside, *(tmp_path / name for name in names)]
    for other in others:
        other.mkdir()
        (other / "file").write_text("not a part of a save")
    child = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert child.returncode == -signal.SIGKILL
    (tmp_path / ".m.keras.zzzzzzzz").mkdir()  # killed before it held the folder
    with staged(path) as mine:
        assert len(list(tmp_path.glob(".m.keras.*"))) == 3
        save(new_model(), path)  # while another save of the same file is under way
        assert mine.parent.is_dir()
        mine.write_text("the last one wins")
    assert path.read_text() == "the last one wins"
    assert sorted(tmp_path.iterdir()) == sorted([path, *others])


KILLED = """
import os, signal, sys
from seqir.files import staged
with staged(sys.argv[1]) as path:
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_while_it_tidies_up(tmp_path: Path) -> None:
    """The lock is removed last, so that the next save knows the folder."""
    path = tmp_path / "m.keras"
    killed = KILLED.replace("with staged", TIDYING + "with staged")
    for number in range(1, 5):
        call = [sys.executable, "-c", killed, str(path), str(number)]
        subprocess.run(call, check=False)
        left = list(tmp_path.glob(".m.keras.*"))
        save(new_model(), path)
        assert os.listdir(tmp_path) == ["m.keras"], (number, left)


TIDYING = """
left = int(sys.argv[2])
def audit(event, arguments):
    global left
    if event in ("os.remove", "os.rmdir"):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(audit)
os.kill = lambda pid, number, kill=os.kill: kill(pid, number) if not left else None
"""


def test_a_folder_that_is_swept_up_before_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another save may take a folder that is still empty for an abandoned one."""
    made: list[str] = []
    mkdtemp = tempfile.mkdtemp

    def make(*args: Any, **kwargs: Any) -> str:
        made.append(mkdtemp(*args, **kwargs))
        if len(made) == 1:
            os.rmdir(made[0])
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    save(new_model(), tmp_path / "m.keras")
    assert len(made) == 2
    assert os.listdir(tmp_path) == ["m.keras"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_what_the_disk_refuses_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """Each call in turn: of a file, of the folder, between two renames."""
    real, left = getattr(os, call), [0]

    def refuse(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    made, path = new_model(), tmp_path / "m.onnx"
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(99)])
    network.export(path, external_data=True)
    before = content(tmp_path)
    network.set_weights([w + 1 for w in network.get_weights()])
    monkeypatch.setattr(os, call, refuse)
    for fails in (1, 2, 3) if call == "fsync" else (1, 2):
        left[0] = fails
        with pytest.raises(ExportError, match=f"cannot write.*{os.strerror(code)}"):
            network.export(path, external_data=True)
        assert content(tmp_path) == before
    for fails in (1, 2) if call == "fsync" else (1,):
        left[0] = fails
        with pytest.raises(ExportError, match=f"cannot write.*{os.strerror(code)}"):
            made.save_weights(tmp_path / "m.safetensors")
        assert content(tmp_path) == before


def test_a_file_system_that_cannot_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)
    save(new_model(), tmp_path / "m.keras")
    assert is_new(tmp_path / "m.keras")


# Where nothing can be written.


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_can_be_written(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / kind).mkdir(parents=True)
    places: dict[Path, str] = {
        tmp_path / "absent" / kind: "there is no folder",
        tmp_path / "folder" / kind: "it is a folder",
        tmp_path / "file" / kind: "there is no folder",
        tmp_path / f"{'x' * 300}.{kind.split('.', 1)[1]}": "File name too long",
        tmp_path / f"a\0.{kind.split('.', 1)[1]}": "a name cannot have a NUL",
    }
    before = sorted(tmp_path.rglob("*"))
    made = new_model()
    for place, words in places.items():
        whole = kind in ("m.keras", "m.h5")
        with pytest.raises(ExportError, match=f"cannot write .*{words}"):
            (made.save if whole else made.save_weights)(place)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_is_read_only(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write everywhere, so that the system's answer is given in its place."""
    path = copy(kind, tmp_path)
    before = content(tmp_path)

    def refuse(*args: Any, **kwargs: Any) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(ExportError, match=f"cannot write .*{kind}: Permission denied"):
        save(new_model(), path)
    assert content(tmp_path) == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_is_kept_if_that_was_asked(tmp_path: Path, kind: str) -> None:
    path = copy(kind, tmp_path)
    before = content(tmp_path)
    made = new_model()
    whole = kind in ("m.keras", "m.h5")
    with pytest.raises(ExportError, match=f"{kind} is there already"):
        (made.save if whole else made.save_weights)(path, overwrite=False)
    assert content(tmp_path) == before


@pytest.mark.parametrize("name", ["m.evil", "m", "m.keras.zip", "m.onnx"])
def test_names_that_say_no_format(tmp_path: Path, name: str) -> None:
    made = new_model()
    for write in (made.save, made.save_weights):
        with pytest.raises(UnsupportedError, match="the name must end in"):
            write(tmp_path / name)
    assert not os.listdir(tmp_path)
