"""What metrics refuse, and what they say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seqir import metrics
from seqir.errors import ArgumentError, NotBuiltError, ShapeError

ONE = np.ones((2, 3), np.float32)
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: metrics.get("acuracy"), ArgumentError,
     "'acuracy' is not a metric. Did you mean 'accuracy'"),
    (lambda: metrics.get(3), ArgumentError,
     "3 is not a metric: pass a name, a Metric or a function"),
    (lambda: metrics.get("mean_io_u"), ArgumentError,
     "MeanIoU cannot be made by its name alone"),
    (lambda: metrics.resolve(None, ONE, ONE), ArgumentError, "None is not a metric"),
    (lambda: metrics.deserialize({"name": "AUC"}), ArgumentError,
     "what is stored for metrics is {'class_name'"),
    (lambda: metrics.deserialize({"class_name": "X", "module": "mine"}), ArgumentError,
     "mine.X is not one of seqir's metrics"),
    (lambda: metrics.serialize(metrics.get(lambda a, b: a)), ArgumentError,
     "has no config, so it cannot be stored"),
    (lambda: metrics.Mean.from_config({"nme": "m"}), ArgumentError,
     "config {'nme': 'm'} does not fit Mean"),
    (lambda: metrics.Precision(thresholds=[0.5, 1.5]), ArgumentError,
     "each of thresholds must be a number from 0 to 1, got 1.5"),
    (lambda: metrics.Recall(thresholds=[None]), ArgumentError,
     "each of thresholds must be a number from 0 to 1, got None"),
    (lambda: metrics.AUC(num_thresholds=1), ArgumentError,
     "num_thresholds must be an integer >= 2, got 1"),
    (lambda: metrics.AUC(curve="RC"), ArgumentError,
     "curve must be 'ROC', 'PR' or 'PRGAIN', got 'RC'. Did you mean 'ROC'?"),
    (lambda: metrics.AUC(summation_method="mean"), ArgumentError,
     "summation_method must be 'interpolation', 'majoring' or"),
    (lambda: metrics.AUC(num_labels=2), ArgumentError,
     "num_labels is for multi_label=True only"),
    (lambda: metrics.AUC(multi_label=True)(ONE[0], ONE[0]), ShapeError,
     "AUC with multi_label=True needs scores of shape (samples, labels)"),
    (lambda: metrics.AUC(multi_label=True).result(), NotBuiltError,
     "'auc' has no result before its first batch"),
    (lambda: metrics.RecallAtPrecision(1.5), ArgumentError,
     "precision must be a number from 0 to 1, got 1.5"),
    (lambda: metrics.PrecisionAtRecall(0.5, 0), ArgumentError,
     "num_thresholds must be an integer >= 1, got 0"),
    (lambda: metrics.Precision(class_id=1)(ONE[0], ONE[0]), ShapeError,
     "class_id needs scores of shape (samples, classes), got shape (3,)"),
    (lambda: metrics.Precision()(np.ones((2, 4)), ONE), ShapeError,
     "'precision' needs a label for each score, got labels f32[2, 4] and scores f32"),
    (lambda: metrics.Precision()(ONE, ONE, np.ones(5)), ShapeError,
     "do not broadcast together"),
    (lambda: metrics.Precision().false_negatives, AttributeError,
     "'Precision' has no attribute 'false_negatives'"),
    (lambda: metrics.FBetaScore(average="median"), ArgumentError,
     "average must be 'micro', 'macro', 'weighted' or None, got 'median'"),
    (lambda: metrics.FBetaScore(beta=1), ArgumentError, "beta must be a float > 0"),
    (lambda: metrics.FBetaScore(threshold=0.0), ArgumentError,
     "threshold must be a float > 0 and <= 1, got 0.0"),
    (lambda: metrics.F1Score()(ONE[0], ONE[0]), ShapeError,
     "F1Score needs labels and scores of shape (samples, classes), got (3,) and (3,)"),
    (lambda: metrics.F1Score().result(), NotBuiltError,
     "'f1_score' has no result before its first batch"),
    (lambda: metrics.R2Score("mean"), ArgumentError,
     "class_aggregation must be 'uniform_average', "),
    (lambda: metrics.R2Score(num_regressors=-1), ArgumentError,
     "num_regressors must be an integer >= 0, got -1"),
    (lambda: metrics.R2Score()(ONE[0], ONE[0]), ShapeError,
     "R2Score needs labels and predictions of shape (samples, outputs)"),
    (lambda: metrics.R2Score().result(), NotBuiltError,
     "'r2_score' has no result before its first batch"),
    (lambda: metrics.IoU(2, [2]), ArgumentError,
     "target_class_ids must be in [0, 2), got 2"),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_errors(index: int) -> None:
    wrong, kind, text = WRONG[index]
    with pytest.raises(kind) as error:
        wrong()
    assert text in str(error.value)


def test_variables_come_after_the_base_class() -> None:
    class Early(metrics.Metric):
        def __init__(self) -> None:
            self.total = self.add_weight(name="total")

    with pytest.raises(NotBuiltError, match=r"Early.__init__ must call super\(\)"):
        Early()
