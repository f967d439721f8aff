"""What skl2onnx and OnnxMLTools write: trees, vectors, texts, tables of strings."""

from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np
import onnx
import onnxmltools
import skl2onnx
from foreign_onnx_entry import Entry
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloats
from skl2onnx.common.data_types import (
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

TEXTS = ["a cat sat on a mat", "the dog ate", "a dog and a cat", "the mat"]


def converted(model: Any, types: Any, opset: int, **options: Any) -> onnx.ModelProto:
    options = {id(model): options} if options else {}  # pyright: ignore[reportAssignmentType]
    proto: Any = skl2onnx.convert_sklearn(
        model, "model", types, target_opset={"": opset, "ai.onnx.ml": 3},
        options=options,
    )  # fmt: skip
    return proto


def entries() -> Iterator[Entry]:
    tool = f"skl2onnx {skl2onnx.__version__}"
    x, y = (np.asarray(a) for a in load_iris(return_X_y=True))
    x = x.astype(np.float32)
    few = x[::30]
    floats = [("x", FloatTensorType([None, 4]))]

    def classifier(name: str, model: Any, opset: int, **options: Any) -> Entry:
        model.fit(x, y)
        expected = [model.predict(few).astype(np.int64)]
        expected += [model.predict_proba(few).astype(np.float32)]
        proto = converted(model, floats, opset, **options)
        return Entry(f"sklearn_{name}", proto, [few], expected, tool, "table")

    forest = RandomForestClassifier(5, max_depth=4, random_state=0)
    logistic = make_pipeline(StandardScaler(), LogisticRegression())
    yield classifier("forest", forest, 15)
    yield classifier("forest_plain", forest, 17, zipmap=False)
    yield classifier("logistic", logistic, 12)
    yield classifier("logistic_plain", logistic, 17, zipmap=False)
    svc = SVC(random_state=0)
    svc.fit(x, y)
    yield Entry(
        "sklearn_svc",
        converted(svc, floats, 13, raw_scores=True, zipmap=False),
        [few],
        [
            svc.predict(few).astype(np.int64),
            svc.decision_function(few).astype(np.float32),
        ],
        tool,
        "table",
    )
    yield classifier("neighbors", KNeighborsClassifier(3), 17, zipmap=False)
    network = MLPClassifier((8,), max_iter=300, random_state=0)
    yield classifier("network", network, 13, zipmap=False)

    def regressor(name: str, model: Any, opset: int) -> Entry:
        model.fit(x[:, :3], x[:, 3])
        expected = model.predict(few[:, :3]).astype(np.float32)[:, None]
        types = [("x", FloatTensorType([None, 3]))]
        proto = converted(model, types, opset)
        return Entry(f"sklearn_{name}", proto, [few[:, :3]], [expected], tool, "table")

    yield regressor("linear", LinearRegression(), 11)
    yield regressor("boosting", GradientBoostingRegressor(n_estimators=8), 15)

    words = TfidfVectorizer(lowercase=False).fit(TEXTS)
    yield Entry(
        "sklearn_text",
        converted(words, [("text", StringTensorType([None]))], 15),
        [np.array(TEXTS)],
        [np.asarray(words.transform(TEXTS).todense(), np.float32)],
        tool,
        "text",
    )
    colors = np.array([["red"], ["green"], ["red"], ["blue"]])
    counts = np.array([[1], [4], [2], [2]], np.int64)
    mixed: Any = np.empty((4, 2), object)
    mixed[:, :1], mixed[:, 1:] = colors, counts
    table = ColumnTransformer(
        [("color", OneHotEncoder(handle_unknown="ignore"), [0]),
         ("count", OneHotEncoder(handle_unknown="ignore"), [1])],
        sparse_threshold=0,
    ).fit(mixed)  # fmt: skip
    types = [
        ("color", StringTensorType([None, 1])),
        ("count", Int64TensorType([None, 1])),
    ]
    yield Entry(
        "sklearn_columns",
        converted(table, types, 15),
        [colors, counts],
        [np.asarray(table.transform(mixed), np.float32)],
        tool,
        "text",
    )
    boosted = lightgbm.LGBMRegressor(n_estimators=4, max_depth=3, verbose=-1)
    boosted.fit(x[:, :3], x[:, 3])
    proto = onnxmltools.convert_lightgbm(
        boosted, initial_types=[("x", MlFloats([None, 3]))], target_opset=13
    )
    expected = np.asarray(boosted.predict(few[:, :3])).astype(np.float32)[:, None]
    made = f"onnxmltools {onnxmltools.__version__}"
    yield Entry("lightgbm", proto, [few[:, :3]], [expected], made, "table")
