"""Files of layers are loaded when one of their layers is asked for."""

import ast
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqir
from seqir import layers
from seqir.layer.families import LAYERS
from seqir.layers import core

FOLDER = Path(layers.__file__).parent


def listed(path: Path) -> set[str]:
    """What a file has in ``__all__``."""
    (found,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return set(found)


FILES = {
    path.stem: names
    for path in FOLDER.glob("[a-z]*.py")
    if "\n__all__ = [" in path.read_text() and (names := listed(path))
}


def fresh(code: str, *, expect: str = "") -> list[str]:
    """The modules that some code loads in a new interpreter."""
    code = f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    *printed, loaded = run.stdout.splitlines()
    assert printed == expect.split("\n")[: len(printed)]
    return [m for m in json.loads(loaded) if m.startswith("seqir.")]


def test_the_table_has_what_the_files_list() -> None:
    table = {f: set(n.split()) for f, n in {**layers.FILES, **layers.ELSEWHERE}.items()}
    assert table == FILES
    own = {"InputSpec", "Layer", "deserialize", "serialize"}
    assert set(layers.__all__) == own.union(*(FILES[f] for f in layers.FILES))
    assert list(dir(layers)) == sorted(layers.__all__)


def test_the_type_checker_sees_the_files_of_the_table() -> None:
    """Once as a module, once for its names and once for ``__all__``."""
    text = (FOLDER / "__init__.py").read_text()
    files = sorted(layers.FILES)
    assert sorted(re.findall(r"from seqir.layers.(\w+) import \*", text)) == files
    assert sorted(re.findall(r"__all__ \+= (\w+).__all__", text)) == files


def test_a_layer_loads_its_own_file() -> None:
    code = "import seqir\nfrom seqir import layers\nlayers.Dense(2)(seqir.Input((3,)))"
    loaded = fresh(code)
    assert "seqir.layers.core" in loaded
    assert sum(m.startswith("seqir.layers.") for m in loaded) < 4
    assert "seqir.ops.image" not in loaded
    assert "seqir.ops.image" in fresh(
        f"{code}\nfrom seqir import ops\nops.image.resize"
    )


def test_a_name_is_one_object_however_it_is_reached() -> None:
    for name in layers.__all__:
        found = getattr(layers, name)
        assert getattr(layers, name) is found
        assert vars(layers)[name] is found
    assert layers.Dense is core.Dense is seqir.layers.Dense is LAYERS["Dense"]
    assert layers.core is core
    star: dict[str, Any] = {}
    exec("from seqir.layers import *", star)
    assert all(star[name] is getattr(layers, name) for name in layers.__all__)
    assert pickle.loads(pickle.dumps(layers.LSTM)) is layers.LSTM


def test_files_know_each_layer_by_one_name() -> None:
    assert {cls.keras_name or cls.__name__ for cls in LAYERS.values()} == {*LAYERS}
    assert len(LAYERS) > 130
    assert "StochasticDepth" in LAYERS
    assert "MaxPool2D" not in LAYERS  # another name of MaxPooling2D
    assert "concatenate" not in LAYERS
    assert "Nonsense" not in LAYERS
    with pytest.raises(AttributeError, match="has no attribute 'StochasticDepth'"):
        _ = layers.StochasticDepth  # pyright: ignore[reportAttributeAccessIssue]


def test_a_file_of_a_model_loads_the_layers_in_it(tmp_path: Path) -> None:
    x = np.ones((2, 6, 3), np.float32)
    inner = layers.LeakyReLU(0.3)
    stack = [
        seqir.Input((6, 3)),
        layers.GRU(units=4),
        layers.Dense(2, activation=inner),
    ]
    model = seqir.Sequential(stack)
    model.save(tmp_path / "model.keras")
    code = f"""
import numpy as np, seqir
model = seqir.saving.load_model({str(tmp_path / "model.keras")!r})
print(np.asarray(model(np.ones((2, 6, 3), np.float32))).tolist())"""
    loaded = fresh(code, expect=str(np.asarray(model(x)).tolist()))
    assert {"seqir.layers.recurrent", "seqir.layers.activation"} <= {*loaded}
    assert not {"seqir.layers.heads", "seqir.layers.augmentation_mix"} & {*loaded}


def test_threads_and_children_may_ask_at_once() -> None:
    code = """
import os, threading
from seqir import layers
names = [n for n in layers.__all__ if n[0].isupper()]
found = [dict() for _ in range(8)]
start = threading.Barrier(8)
def ask(i):
    start.wait()
    for name in names[i * 9:] + names[: i * 9]:
        found[i][name] = getattr(layers, name)
threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
for t in threads: t.start()
if hasattr(os, "fork"):
    child = os.fork()
    if not child:
        os._exit(0 if layers.GRU.__name__ == "GRU" else 1)
    assert os.waitpid(child, 0)[1] == 0
for t in threads: t.join()
assert all(f == found[0] and len(f) == len(names) for f in found)
"""
    fresh(code)
