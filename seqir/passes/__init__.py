"""Passes: functions from graph to graph that keep what it computes.

`STRUCTURE` cleans a graph whose weights are params; `INFERENCE` is for a graph whose
weights are constants (`bind`): what the exporter and the runtime use.
"""

from seqir.passes.affine import fold_affine
from seqir.passes.common import eliminate_common
from seqir.passes.dead import eliminate_dead
from seqir.passes.early import pool_early
from seqir.passes.entering import reorder_inputs
from seqir.passes.expand import TARGETS, expand
from seqir.passes.fold import bind, fold_constants
from seqir.passes.hoist import hoist
from seqir.passes.host import Apart as Apart
from seqir.passes.layout import move_transposes
from seqir.passes.order import absorb_order
from seqir.passes.pipeline import Pass, run
from seqir.passes.rows import lengthen_rows
from seqir.passes.simplify import simplify
from seqir.passes.sink import sink_constants

STRUCTURE: tuple[Pass, ...] = (
    simplify,
    hoist,
    move_transposes,
    simplify,
    eliminate_common,
    eliminate_dead,
)
INFERENCE: tuple[Pass, ...] = (
    simplify,
    sink_constants,
    hoist,
    eliminate_dead,
    move_transposes,
    simplify,
    fold_constants,
    fold_affine,
    eliminate_dead,
    absorb_order,
    fold_constants,
    eliminate_common,
    eliminate_dead,
)


def training(target: str) -> tuple[Pass, ...]:
    """For the graph of a training step, what is trained in params, the rest bound."""
    last = (lengthen_rows,) if target == "cpu" else ()
    return (
        eliminate_dead,
        expand(target),
        simplify,
        eliminate_common,
        *INFERENCE,
        *last,
    )


__all__ = [
    "INFERENCE",
    "STRUCTURE",
    "TARGETS",
    "Pass",
    "absorb_order",
    "bind",
    "eliminate_common",
    "eliminate_dead",
    "expand",
    "fold_affine",
    "fold_constants",
    "hoist",
    "lengthen_rows",
    "move_transposes",
    "pool_early",
    "reorder_inputs",
    "run",
    "simplify",
    "sink_constants",
    "training",
]
