"""Small files in the formats of the real datasets."""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from typing import Any

import numpy as np


def short(text: bytes) -> bytes:
    """A text as Python 2 pickles it."""
    return b"U" + bytes([len(text)]) + text


def python2_batch(data: np.ndarray, **others: Any) -> bytes:
    """A dict as cPickle of Python 2 wrote the batches of CIFAR, with protocol 2."""
    out = [b"\x80\x02}q\x01("]
    for name, value in others.items():
        out.append(short(name.encode()))
        if isinstance(value, str):
            out.append(short(value.encode()))
            continue
        texts = isinstance(value[0], str)
        items = (short(v.encode()) if texts else b"K" + bytes([v]) for v in value)
        out.append(b"]q\x05(" + b"".join(items) + b"e")
    rows, width = data.shape
    content = data.tobytes()
    out += [
        short(b"data"),
        b"cnumpy.core.multiarray\n_reconstruct\nq\x06cnumpy\nndarray\nq\x07",
        b"K\x00\x85U\x01b\x87Rq\x08(K\x01M" + struct.pack("<H", rows),
        b"M" + struct.pack("<H", width) + b"\x86cnumpy\ndtype\nq\x09",
        b"U\x02u1K\x00K\x01\x87Rq\x0a(K\x03U\x01|NNNJ\xff\xff\xff\xff",
        b"J\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<I", len(content)) + content,
        b"tbu.",
    ]
    return b"".join(out)


def tar_gz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def lists(rows: list[Any]) -> np.ndarray:
    array = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


def old_npz(**arrays: np.ndarray) -> bytes:
    """An archive with lists as NumPy 1 of Python 3 wrote it, with protocol 3."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            header = np.lib.format.header_data_from_array_1_0(array)
            np.lib.format.write_array_header_1_0(member, header)
            content = (
                pickle.dumps(array, 3) if array.dtype.hasobject else array.tobytes()
            )
            content = content.replace(b"numpy._core.multi", b"numpy.core.multi")
            archive.writestr(f"{name}.npy", member.getvalue() + content)
    return buffer.getvalue()


def new_npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes(), 1)
