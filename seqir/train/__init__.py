"""Training: steps as graphs, loops over batches, checkpoints.

A step is one graph: forward pass, loss, gradients and updates. The loop feeds it and
reports; it computes nothing itself, so a resumed training equals an unbroken one. A
training takes a model by the protocol `Trainable`, and knows of no class of models.
"""

from seqir.train.trainable import Trainable

__all__ = ["Trainable"]
