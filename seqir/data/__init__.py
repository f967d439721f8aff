"""What users train on, as batches: arrays, tables, generators, loaders, datasets.

`adapt` takes whatever was passed to fit, evaluate or predict and returns `Batches`,
whose epochs are iterators of `Batch`. Arrays stay where they are: batches in order are
views, and a shuffled epoch is a pure function of the seed and the number of the epoch,
so that training can be resumed in the middle of it.
"""

from seqir.data.adapt import adapt
from seqir.data.adapt import has_sparse as has_sparse
from seqir.data.adapt import makes_batches as makes_batches
from seqir.data.adapt import split as split
from seqir.data.adapt import whole as whole
from seqir.data.batch import Batch
from seqir.data.batch import Signature as Signature
from seqir.data.batch import Spec as Spec
from seqir.data.batch import noting as noting
from seqir.data.batch import signature_of as signature_of
from seqir.data.batch import unpack as unpack
from seqir.data.batches import Batches
from seqir.data.chain import (
    AUTOTUNE,
    INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY,
    Dataset,
)
from seqir.data.convert import holds_text as holds_text
from seqir.data.convert import numbers as numbers
from seqir.data.convert import to_text as to_text
from seqir.data.dataset import PyDataset
from seqir.data.elements import TensorSpec
from seqir.data.folder import from_folder
from seqir.data.labels import ClassWeights as ClassWeights
from seqir.data.labels import check_labels as check_labels
from seqir.data.prefetch import prefetch as prefetch

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Batch",
    "Batches",
    "Dataset",
    "PyDataset",
    "TensorSpec",
    "adapt",
    "from_folder",
]
"""What users may rely on; the other names are for the package itself."""
