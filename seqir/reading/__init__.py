"""Reading ONNX files: lowering backwards.

`parse` opens a file, `graph` walks over its nodes, and each node becomes operators of
the IR: one that says that it is that (`Op.read`), or what a function in a file here
builds of several. All others stay what they are (`seqir.operators.foreign`).
"""

from seqir.reading import arithmetic as arithmetic
from seqir.reading import attending as attending
from seqir.reading import classical as classical
from seqir.reading import convolving as convolving
from seqir.reading import elements as elements
from seqir.reading import fused as fused
from seqir.reading import indexing as indexing
from seqir.reading import matrices as matrices
from seqir.reading import moving as moving
from seqir.reading import normalizing as normalizing
from seqir.reading import pooling as pooling
from seqir.reading import quantized as quantized
from seqir.reading import recurring as recurring
from seqir.reading import resizing as resizing
from seqir.reading import signals as signals
from seqir.reading import sizes as sizes
from seqir.reading import whole as whole
from seqir.reading.graph import ReadGraph, read
from seqir.reading.parse import parse

__all__ = ["ReadGraph", "parse", "read"]
