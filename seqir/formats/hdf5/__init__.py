"""HDF5: `reader` reads files that nobody vouches for, `writer` writes with h5py.

`block` bytes, fields and checksums · `header` superblock and messages of objects ·
`group` names and links, `dense` many of them · `datatype` element types and shapes ·
`attribute` attributes and their texts · `storage` values in one piece or in chunks.
Source: HDF5 file format specification 3.0.
"""

from seqir.formats.hdf5.reader import H5Reader, join, open_hdf5
from seqir.formats.hdf5.writer import create_hdf5

__all__ = ["H5Reader", "create_hdf5", "join", "open_hdf5"]
