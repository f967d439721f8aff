"""Models as verified ONNX files: what `model.export` reports."""

from typing import NoReturn

from seqir import absent
from seqir.export.exporter import ExportReport

__all__ = ["ExportReport"]


def __getattr__(name: str) -> NoReturn:
    absent.refuse("export", name)
