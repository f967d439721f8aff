"""``seqir.mixed_precision``, as Keras has it: policies, and what scales the loss."""

from seqir.config import dtype_policy, set_dtype_policy
from seqir.dtype_policies import DTypePolicy
from seqir.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
