"""Every error that seqir raises on purpose.

::

    SeqirError (ValueError)         the root: catch this to catch them all
    ├── ArgumentError               an argument has a value that makes no sense
    ├── ShapeError                  shapes do not fit together
    ├── DTypeError (TypeError)      an element type is not possible here
    ├── NotBuiltError (AttributeError)   the weights or shapes do not exist yet
    ├── GraphError                  layers or values are connected wrongly
    ├── UnsupportedError            correct, but seqir or the target cannot express it
    │   └── AbsentError (AttributeError)   a name of Keras that is not here
    ├── ExportError                 the file could not be made or written
    │   └── VerificationError       it was written, and it computes something else
    ├── LoadError                   a file is missing, damaged or of something else
    │   ├── CorruptFileError        it is damaged, or not what its name says
    │   └── UnsafeFileError         it asks for what no file may ask for
    ├── NonFiniteLossError          a training's loss became NaN or infinite
    ├── MissingPackageError (ImportError)  an optional package is needed; says which
    ├── DeviceError                 the requested device is not there or does not work
    └── RunError                    the runtime refused to run the model

A message is one sentence with both sides of the contradiction; whoever knows more
(the operator, the layer, the model) adds it as a note, so that the traceback ends
with the whole path. `explain` joins message and notes into one line.
"""

from __future__ import annotations

from collections.abc import Iterable

from seqir.text import harmless


class SeqirError(ValueError):
    """Root of all errors raised on purpose; names in it cannot command a terminal."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(harmless(a) if isinstance(a, str) else a for a in args))

    def add_note(self, note: str) -> None:
        """Add what a caller knows, shown as harmlessly as the message."""
        super().add_note(harmless(note))


class ArgumentError(SeqirError):
    """An argument has a value that makes no sense."""


class ShapeError(SeqirError):
    """Shapes do not fit together."""


class DTypeError(SeqirError, TypeError):
    """An element type is not possible here."""


class NotBuiltError(SeqirError, AttributeError):
    """Weights or shapes were asked for before they exist."""


class GraphError(SeqirError):
    """Layers or values are connected in a way that is not a graph."""


class UnsupportedError(SeqirError):
    """A correct request that seqir or the chosen target cannot express."""


class AbsentError(UnsupportedError, AttributeError):
    """A name of Keras that seqir does not have; says why and what to use."""


class ExportError(SeqirError):
    """A file could not be made or written."""


class VerificationError(ExportError):
    """The written file does not compute what the model computes."""


class LoadError(SeqirError):
    """A file is missing, damaged, or holds something else than was asked for."""


class CorruptFileError(LoadError):
    """A file is damaged, or it is not what its name says."""


class UnsafeFileError(LoadError):
    """A file asks for what no file may: code, another file, far too much memory."""


class NonFiniteLossError(SeqirError):
    """The loss of a training became NaN or infinite.

    Attributes:
        step: batches trained on before, over all epochs.
        epoch: the epoch, from 0.
        batch: the batch of the epoch, from 0.
        learning_rate: that of the step.
        gradient_norm: length of all gradients of that batch together.
    """

    def __init__(
        self,
        message: str,
        *,
        step: int = 0,
        epoch: int = 0,
        batch: int = 0,
        learning_rate: float = 0.0,
        gradient_norm: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.step = step
        self.epoch = epoch
        self.batch = batch
        self.learning_rate = learning_rate
        self.gradient_norm = gradient_norm


class MissingPackageError(SeqirError, ImportError):
    """An optional package is needed; the message has the command to type."""


class DeviceError(SeqirError):
    """The requested device is not there, or it does not work."""


class RunError(SeqirError):
    """The runtime refused to run the model."""


def explain(error: BaseException) -> str:
    """The message and its notes as one line: ``message (note; note)``."""
    notes = "; ".join(note.strip() for note in getattr(error, "__notes__", ()))
    text = " ".join(str(error).split())
    return f"{text} ({notes})" if notes else text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'relu'?`` for the nearest known word, or nothing."""
    import difflib  # it is slow to load, and only mistakes need it

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


__all__ = [
    "AbsentError",
    "ArgumentError",
    "CorruptFileError",
    "DTypeError",
    "DeviceError",
    "ExportError",
    "GraphError",
    "LoadError",
    "MissingPackageError",
    "NonFiniteLossError",
    "NotBuiltError",
    "RunError",
    "SeqirError",
    "ShapeError",
    "UnsafeFileError",
    "UnsupportedError",
    "VerificationError",
    "explain",
]
