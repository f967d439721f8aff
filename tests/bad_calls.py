"""Calls of the functions of `seqir.ops` that are refused, and what is said."""

from __future__ import annotations

from typing import Any

from function_cases import flag, i, x

BAD_CALLS: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("where", (flag(3), x(3)), "where needs both choices, or none"),
    ("glu", (x(3),), "glu halves axis 0, its size 3 is not even"),
    ("norm", (x(3, 3), 3), "norm of order 3 of matrices is not there: use None"),
    ("norm", (x(3), "nuc"), "norm of order 'nuc' is of vectors or matrices"),
    ("norm", (x(3), "fro"), "norm of order 'fro' is of vectors or matrices"),
    ("norm", (x(2, 3, 4), 1), "along one axis or two, got 3 axes"),
    ("moments", (x(3), 0, False, True), "not synchronized across machines"),
    ("einsum", ("ij,jk->ik", x(2, 3)), "einsum 'ij,jk->ik' takes 2 operands"),
    ("concatenate", ([],), "concatenate needs at least one tensor"),
    ("pad", (x(3), 1, "wrong"), "edge, reflect, symmetric, wrap, not 'wrong'"),
    ("split", (x(5, 3), 2, 1), "axis 1 of size 3 has no 2 equal parts"),
    ("reshape", (x(4, 3), (5, -1)), "f32[4, 3] cannot be reshaped to (5, -1)"),
    ("reshape", (x(4, 3), (5, 2)), "f32[4, 3] cannot be reshaped to (5, 2)"),
    ("reshape", (x(4, 3), (-1, -1)), "leaves more than one size open"),
    ("reshape", (x(4, 3), (-2, 3)), "sizes must not be negative, got (-2, 3)"),
    ("reshape", (x(4), ("n",)), "a size must be an integer, got 'n'"),
    ("unique", (x(3, 2), True, False, False, False, 0), "leave axis=None"),
    ("getitem", (x(3), x(4) > 0), "a mask b1[4] does not fit f32[3]"),
    ("getitem", (x(3), (0, 0)), "too many indices for rank 1"),
    ("getitem", (x(3), 3), "index 3 is out of range for axis 0 of size 3"),
    ("getitem", (x(3, 3), (0, i(2))), "index with one tensor at a time"),
    ("full", ((None, 3), 0), "a size that is not known yet is ops.shape(x)[i]"),
    ("average", (x(5, 3), None, x(3)), "average with a vector of weights needs one"),
    ("segment_sum", (x(3), i(3)), "segment_sum needs num_segments"),
    ("diag", (x(2, 2, 2),), "diag takes a vector or a matrix, got f32[2, 2, 2]"),
    ("cross", (x(5, 4), x(5, 4)), "cross takes vectors of 2 or 3, got f32[5, 4]"),
    ("searchsorted", (x(3), x(3), "middle"), "side must be 'left' or 'right'"),
    ("depth_to_space", (x(1, 2, 2, 6), 2), "6 channels cannot be divided by 4"),
    ("space_to_depth", (x(1, 3, 2, 6), 2), "3 rows cannot be divided by 2"),
    ("conv", (x(1, 7, 4), x(3, 3, 2)), "kernel of 3 channels does not divide 4"),
    ("conv", (x(1, 7, 3), x(3, 3, 2), (1, 1)), "expected 1 numbers, got (1, 1)"),
    ("conv", (x(1, 7, 3), x(3, 3, 2), 1, "full"), "must be 'valid' or 'same'"),
    ("conv", (x(1, 7, 3), x(3, 3, 2), 1, "same", "NHWC"), "data_format must be"),
    ("conv_transpose", (x(1, 7, 3), x(3, 2, 3), 1, "full"), "'valid' or 'same'"),
    ("normalize", (x(3), -1, 0), "order must be a positive integer, got 0"),
    ("multi_hot", (i(3),), "multi_hot needs num_classes"),
    ("sort", (x(),), "axis -1 is out of range for rank 0"),
    ("softmax", (x(),), "axis -1 is out of range for rank 0"),
    ("categorical_crossentropy", (x(3), x(5, 3)), "must have one shape"),
    ("sparse_categorical_crossentropy", (i(5, 3), x(5, 4)), "without axis -1"),
    ("dot_product_attention", (x(3), x(3), x(3)), "takes tensors of rank 4"),
    (
        "dot_product_attention",
        (x(1, 2, 3, 4), x(1, 2, 2, 4), x(1, 2, 2, 4)),
        "3 query heads cannot share 2 key heads",
    ),
    ("scatter", (i(3, 1), x(3), (None,)), "is ops.shape(x)[i], not None"),
    ("scatter_update", (x(3), i(2, 1), x(2), "sum"), "reduction must be None, 'add'"),
    ("cast", (x(3), "complex64"), "'complex64' is not an element type of seqir"),
    ("sum", (x(3), 1), "axis 1 is out of range for rank 1"),
    ("matmul", (x(5, 3), x(5, 3)), "inner sizes to agree, got 3 of f32[5, 3] and 5"),
)
"""Function, arguments, and what the error says."""
