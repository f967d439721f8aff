"""Training: steps as graphs, loops over batches, checkpoints."""

from seqir.train.trainer import Trainer

__all__ = ["Trainer"]
