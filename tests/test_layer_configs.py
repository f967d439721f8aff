"""The configuration of a layer is Keras's, in both directions."""

import json
from typing import Any

import pytest
from layer_pairs import CLASSES, make, make_keras
from layer_samples import SAMPLES, LayerSample

from seqir import dtype_policies

keras = pytest.importorskip("keras")

OURS_ALONE = {"trainable", "activity_regularizer", "seed"}
"""Arguments that some of Keras's layers forget to store."""
KERAS_ALONE = {
    "quantization_config": (None,),
    "activity_regularizer": (None,),
    "rms_scaling": (False,),
}
CAUSAL = [
    s for s in SAMPLES if s.layer == "SeparableConv1D" and "causal" in s.id
]  # which Keras cannot make
DISTINCT = [s for s in SAMPLES if s not in CAUSAL]


def as_json(config: Any) -> Any:
    """The configuration as a file has it; automatic names depend on what was before."""
    found = json.loads(json.dumps(config, default=lambda x: x.tolist()))
    del found["name"]
    if isinstance(found.get("dtype"), str):  # some of Keras's layers store it so
        found["dtype"] = dtype_policies.serialize(dtype_policies.get(found["dtype"]))
    for name in ("scale", "offset"):
        if isinstance(found.get(name), dict):  # an array
            found[name] = found[name]["config"]["value"]
    return found


@pytest.mark.parametrize("sample", DISTINCT, ids=lambda s: s.id)
def test_configuration_is_that_of_keras(sample: LayerSample) -> None:
    mine = as_json(make(sample).get_config())
    theirs = as_json(make_keras(sample).get_config())
    same(mine, theirs)


def same(mine: Any, theirs: Any) -> None:
    """The configurations are equal, those of the layers inside too."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in mine.keys() - theirs.keys():
            assert name in OURS_ALONE
            assert mine[name] in (None, True)
        for name in theirs.keys() - mine.keys():
            assert theirs[name] in KERAS_ALONE[name]
        for name in mine.keys() & theirs.keys():
            same(mine[name], theirs[name])
    elif isinstance(mine, list) and isinstance(theirs, list):
        for each, other in zip(mine, theirs, strict=True):
            same(each, other)
    else:
        assert mine == theirs


@pytest.mark.parametrize("sample", DISTINCT, ids=lambda s: s.id)
def test_keras_and_seqir_read_each_others_configuration(sample: LayerSample) -> None:
    mine, theirs = make(sample), make_keras(sample)
    cls = CLASSES[sample.layer]
    again = cls.from_config(theirs.get_config())
    assert as_json(again.get_config()) == as_json(mine.get_config())
    there = type(theirs).from_config(mine.get_config())
    assert as_json(there.get_config()) == as_json(theirs.get_config())
