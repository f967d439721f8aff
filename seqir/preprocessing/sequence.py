"""``seqir.preprocessing.sequence``, as Keras has it."""

from seqir.data.sequences import pad_sequences

__all__ = ["pad_sequences"]
