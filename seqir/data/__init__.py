"""What users train on, as batches: arrays, tables, generators, loaders, datasets.

`adapt` takes whatever was passed to fit, evaluate or predict and returns `Batches`,
whose epochs are iterators of `Batch`. Arrays stay where they are: batches in order are
views, and a shuffled epoch is a pure function of the seed and the number of the epoch,
so that training can be resumed in the middle of it.
"""

from seqir.data.adapt import adapt, has_sparse, makes_batches, split, whole
from seqir.data.batch import Batch, Signature, Spec, noting, signature_of, unpack
from seqir.data.batches import Batches
from seqir.data.convert import numbers
from seqir.data.dataset import PyDataset
from seqir.data.labels import ClassWeights, check_labels
from seqir.data.prefetch import prefetch

__all__ = [
    "Batch",
    "Batches",
    "ClassWeights",
    "PyDataset",
    "Signature",
    "Spec",
    "adapt",
    "check_labels",
    "has_sparse",
    "makes_batches",
    "noting",
    "numbers",
    "prefetch",
    "signature_of",
    "split",
    "unpack",
    "whole",
]
