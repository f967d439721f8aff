"""Wrong uses of FeatureSpace: what is raised, and what it says."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seqir import data, utils
from seqir import layers as k
from seqir.errors import (
    ArgumentError,
    CorruptFileError,
    DTypeError,
    NotBuiltError,
    UnsupportedError,
)

Case = tuple[str, Callable[[], Any], type[Exception], str]

Space = utils.FeatureSpace
ROWS = {"age": [1.0, 2.0], "job": ["a", "b"]}


def space(**options: Any) -> Any:
    return Space({"age": "float", "job": "string_hashed"}, name="s", **options)


def learned(mode: str = "one_hot", layer: Any = None) -> Any:
    """A space of one feature that a layer of the user's prepares."""
    return Space({"age": Space.feature("float32", layer or k.Dense(2), mode)})


CASES: list[Case] = [
    ("no features", lambda: Space({}), ArgumentError, "is a dict of names and what"),
    ("a list of features", lambda: Space(["age"]), ArgumentError, r"got \['age'\]"),
    ("an unknown kind", lambda: Space({"age": "floats"}), ArgumentError,
     "the feature 'age' must be 'float', .*, got 'floats'"),
    ("a mode of all", lambda: space(output_mode="list"), ArgumentError,
     "output_mode must be 'concat' or 'dict', got 'list'"),
    ("a mode of one", lambda: Space.string_hashed(3, output_mode="count"),
     ArgumentError, "output_mode must be 'int', 'one_hot' or 'float', got 'count'"),
    ("no layer", lambda: Space.feature("float32", len, "int"), ArgumentError,
     "the preprocessor of a feature is a layer, got <built-in"),
    ("no buckets", lambda: space(crosses=[("age", "job")], crossing_dim=0),
     ArgumentError, "crossing_dim must be an integer >= 1, got 0"),
    ("a cross of nothing", lambda: space(crosses=[("job", "town")]), ArgumentError,
     "the cross 'job_X_town' has no feature 'town': features are age, job"),
    ("not adapted", lambda: Space({"job": "string_categorical"}, name="s")(ROWS),
     NotBuiltError, r"layer 's' \(FeatureSpace\) does not know its job: call adapt"),
    ("not adapted, saved", lambda: Space({"a": "float_normalized"}).save("a.keras"),
     NotBuiltError, "does not know its a: call adapt"),
    ("another ending", lambda: space().save("space.h5"), UnsupportedError,
     "a FeatureSpace is saved as .keras, got 'space.h5'"),
    ("a table", lambda: space()(np.ones((2, 2))), ArgumentError,
     r"\(FeatureSpace\) takes a dict of its features, got a ndarray; of a table dict"),
    ("too few", lambda: space()({"age": [1.0]}), ArgumentError,
     "layer 's' .* needs the feature 'job': it takes age, job"),
    ("too many", lambda: space()({**ROWS, "town": [1, 2]}), ArgumentError,
     "layer 's' .* does not have the feature 'town'"),
    ("adapted to numbers", lambda: space().adapt(5), ArgumentError,
     "takes a dict of arrays or a dataset of dicts, got a int"),
    ("adapted to arrays",
     lambda: Space({"age": "float_normalized"}).adapt(data.Dataset.range(3)),
     ArgumentError, "dict of arrays or a dataset of dicts, got a dataset of EagerT"),
    ("adapted to others",
     lambda: Space({"town": "string_categorical"}).adapt(ROWS),
     ArgumentError, "the data has no feature 'town', it has age, job"),
    ("integers in a vector",
     lambda: Space({"job": Space.string_hashed(3, output_mode="int")})({"job": "a"}),
     DTypeError, "feature 'job' is int64 and cannot stand beside others in one"),
    ("fractions as places", lambda: learned()({"age": [1.0]}), DTypeError,
     "feature 'age' has output_mode='one_hot', and its Dense gives float32 of no"),
    ("text in numbers", lambda: space()({"age": [None], "job": ["a"]}), DTypeError,
     "holds Python objects"),
    ("other words in a file",
     lambda: k.StringLookup.from_config({"vocabulary_size": 5, "name": "l"})
     .load_assets(words("a")),
     CorruptFileError, "layer 'l' is to have a vocabulary of 5 places, and the voca"),
]  # fmt: skip


def words(*lines: str) -> str:
    """A folder with a vocabulary."""
    folder = tempfile.mkdtemp()
    Path(folder, "vocabulary.txt").write_text("\n".join(lines), "utf-8")
    return folder
