"""Training: steps as graphs, loops over batches, checkpoints.

A step is one graph: forward pass, loss, gradients and updates. The loop feeds it and
reports; it computes nothing itself, so a resumed training equals an unbroken one.
"""

from seqir.train.trainer import Trainer

__all__ = ["Trainer"]
