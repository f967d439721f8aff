"""Numbers and text out of pickle files, without pickle: nothing in them is called.

A pickle is a program for a machine with a stack. Python's machine can be told to call
any function; the one here only puts numbers, text, lists, tuples and dicts together.
Of names it knows the three that stand for a NumPy array, as words: no name is ever
looked up. What it does not know, it refuses.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from seqir.errors import CorruptFileError, LoadError, UnsafeFileError
from seqir.narrow import is_dict, is_list

_NAMES: Final = {
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
}
_CODE: Final = re.compile("b1|[iu][1248]|f[248]")


def read_pickled(data: bytes, what: str) -> Any:
    """What a pickle holds, if that is plain data; texts of Python 2 are bytes.

    A NumPy array of numbers is one; an array of objects has to be a row of lists of
    integers and is a list of them.

    Raises: UnsafeFileError, naming what the pickle asks for; CorruptFileError. `what`
        is the name of the file for these.
    Source: the opcodes are described in Python's ``pickletools``.
    """
    try:
        return _Machine(data).run()
    except LoadError as error:
        error.add_note(f"in {what}")
        raise
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{what} is damaged: it is not a pickle") from error


class _Name:
    """One of the words that a pickle may use."""

    def __init__(self, word: str) -> None:
        self.word = word


class _DType:
    """An element type, whose byte order comes later."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "|"


class _Array:
    """An array, whose value comes later."""

    value: Any = None


class _Machine:
    """The machine: what it reads, its stack, and what it was told to remember."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """Go on until the program stops; what is on the stack then is the result."""
        while (opcode := self.data[self.at]) != _STOP:
            self.at += 1
            action = _ACTIONS.get(opcode)
            if action is None:
                raise UnsafeFileError(f"a pickle of data has no {_called(opcode)}")
            action(self)
        result = self.stack.pop()
        if is_dict(result):
            return {key: _finished(value) for key, value in result.items()}
        return _finished(result)

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self.at + count
        if end > len(self.data):
            raise CorruptFileError("the file ends too early")
        taken, self.at = self.data[self.at : end], end
        return taken

    def number(self, width: int, signed: bool = False) -> int:
        """The next bytes as an integer."""
        return int.from_bytes(self.take(width), "little", signed=signed)

    def line(self) -> str:
        """The next bytes up to the end of a line."""
        end = self.data.index(b"\n", self.at)
        taken, self.at = self.data[self.at : end], end + 1
        return taken.decode()

    def since_mark(self) -> list[Any]:
        """Take what was put on the stack since the mark."""
        begin = self.marks.pop()
        taken = self.stack[begin:]
        del self.stack[begin:]
        return taken

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def small_numbers(self) -> None:
        """Put integers on the stack as long as there are some: almost all there is."""
        data, push, at = self.data, self.stack.append, self.at - 1
        while True:
            opcode = data[at]
            if opcode == _BYTE:
                push(data[at + 1])
                at += 2
            elif opcode == _WORD:
                push(data[at + 1] | data[at + 2] << 8)
                at += 3
            else:
                break
        self.at = at

    def mark(self) -> None:
        """Remember how high the stack is."""
        self.marks.append(len(self.stack))

    def pack(self, count: int) -> None:
        """Make a tuple of the last values."""
        begin = len(self.stack) - count
        self.stack[begin:] = [tuple(self.stack[begin:])]

    def extend(self, values: list[Any]) -> None:
        """Append values to the list on the stack."""
        target: object = self.stack[-1]
        if not is_list(target):
            raise _odd("append to", target)
        target.extend(values)

    def update(self, values: list[Any]) -> None:
        """Put keys and values into the dict on the stack."""
        target: object = self.stack[-1]
        if not is_dict(target):
            raise _odd("put items into", target)
        target.update(zip(values[::2], values[1::2], strict=True))

    def name(self, module: Any, name: Any) -> None:
        """Put a name on the stack, if it is one of the few: as a word only."""
        word = _NAMES.get(f"{module} {name}")
        if word is None:
            raise UnsafeFileError(f"it asks for {module}.{name}, which is not data")
        self.push(_Name(word))

    def name_from_stack(self) -> None:
        """Put a name on the stack whose parts are there."""
        name, module = self.stack.pop(), self.stack.pop()
        self.name(module, name)

    def name_from_lines(self) -> None:
        """Put a name on the stack whose parts come next."""
        module, name = self.line(), self.line()
        self.name(module, name)

    def reduce(self) -> None:
        """Recognise the begin of an array or of an element type."""
        arguments, called = self.stack.pop(), self.stack.pop()
        word = called.word if isinstance(called, _Name) else None
        first = arguments[0] if arguments else None
        if word == "reconstruct" and getattr(first, "word", None) == "ndarray":
            self.push(_Array())
        elif word == "dtype":
            self.push(_DType(_text(first)))
        else:
            raise _odd("call", called)

    def build(self) -> None:
        """Recognise the rest of an array or of an element type."""
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _DType):
            target.order = _text(state[1])
        elif isinstance(target, _Array):
            _, shape, dtype, fortran, content = state
            if not isinstance(dtype, _DType):
                raise _odd("fill an array of", dtype)
            target.value = self.array(shape, dtype, fortran, content)
        else:
            raise _odd("fill", target)

    def array(self, shape: Any, dtype: _DType, fortran: Any, content: Any) -> Any:
        """An array of numbers, or lists of integers."""
        if dtype.code in ("O", "O8"):
            return self.rows(shape, content)
        if not _CODE.fullmatch(dtype.code) or dtype.order not in ("|", "<", ">", "="):
            raise UnsafeFileError(f"it has an array of {dtype.order}{dtype.code}")
        kind = np.dtype(dtype.order + dtype.code)
        size = math.prod(shape) * kind.itemsize
        if type(content) is not bytes or len(content) != size:
            raise CorruptFileError(f"its array of shape {shape} has other contents")
        numbers = np.frombuffer(bytearray(content), kind)  # to be written to
        return numbers.reshape(shape, order="F" if fortran else "C")

    def rows(self, shape: Any, content: Any) -> list[list[int]]:
        """Lists of integers, never more numbers than the file has bytes."""
        lists = is_list(content) and all(is_list(row) for row in content)
        if not lists or shape != (len(content),):
            raise UnsafeFileError("it has an array of objects that are not lists")
        if sum(map(len, content)) > len(self.data):
            raise UnsafeFileError("its lists hold one another many times over")
        if not all(set(map(type, row)) <= {int} for row in content):
            raise UnsafeFileError("it has lists of something else than integers")
        return content

    def remember(self, index: int) -> None:
        """Remember what is on the stack."""
        self.memo[index] = self.stack[-1]


def _finished(value: Any) -> Any:
    if isinstance(value, _Array):
        if value.value is None:
            raise CorruptFileError("its array has no contents")
        return value.value
    if isinstance(value, _Name | _DType):
        raise _odd("hold", value)
    return value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    if not isinstance(value, str):
        raise _odd("take as text", value)
    return value


def _odd(verb: str, thing: Any) -> UnsafeFileError:
    kind = thing.word if isinstance(thing, _Name) else type(thing).__name__.strip("_")
    return UnsafeFileError(f"it asks to {verb} {kind}, which no data needs")


def _called(opcode: int) -> str:
    names = {known.code: known.name for known in pickletools.opcodes}
    return f"opcode {names.get(chr(opcode), hex(opcode))}"


_STOP, _BYTE, _WORD = ord("."), ord("K"), ord("M")
_Action = Callable[[_Machine], Any]
_ACTIONS: Final[dict[int, _Action]] = {
    0x80: lambda m: m.take(1),  # the protocol
    0x95: lambda m: m.take(8),  # the length of what comes
    _BYTE: _Machine.small_numbers,
    _WORD: _Machine.small_numbers,
    ord("J"): lambda m: m.push(m.number(4, signed=True)),
    0x8A: lambda m: m.push(m.number(m.number(1), signed=True)),
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("U"): lambda m: m.push(m.take(m.number(1))),
    ord("T"): lambda m: m.push(m.take(m.number(4))),
    ord("C"): lambda m: m.push(m.take(m.number(1))),
    ord("B"): lambda m: m.push(m.take(m.number(4))),
    0x8E: lambda m: m.push(m.take(m.number(8))),
    0x8C: lambda m: m.push(m.take(m.number(1)).decode()),
    ord("X"): lambda m: m.push(m.take(m.number(4)).decode()),
    ord("("): _Machine.mark,
    ord(")"): lambda m: m.push(()),
    0x85: lambda m: m.pack(1),
    0x86: lambda m: m.pack(2),
    0x87: lambda m: m.pack(3),
    ord("t"): lambda m: m.push(tuple(m.since_mark())),
    ord("]"): lambda m: m.push([]),
    ord("a"): lambda m: m.extend([m.stack.pop()]),
    ord("e"): lambda m: m.extend(m.since_mark()),
    ord("}"): lambda m: m.push({}),
    ord("s"): lambda m: m.update([m.stack.pop(-2), m.stack.pop()]),
    ord("u"): lambda m: m.update(m.since_mark()),
    ord("q"): lambda m: m.remember(m.number(1)),
    ord("r"): lambda m: m.remember(m.number(4)),
    0x94: lambda m: m.remember(len(m.memo)),
    ord("h"): lambda m: m.push(m.memo[m.number(1)]),
    ord("j"): lambda m: m.push(m.memo[m.number(4)]),
    ord("c"): _Machine.name_from_lines,
    0x93: _Machine.name_from_stack,
    ord("R"): _Machine.reduce,
    ord("b"): _Machine.build,
}
