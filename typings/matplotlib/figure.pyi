from collections.abc import Sequence
from os import PathLike
from typing import IO, Any

from matplotlib.axes import Axes

class Figure:
    def __init__(
        self,
        figsize: tuple[float, float] | None = None,
        *,
        dpi: float | None = None,
        facecolor: str | None = None,
        layout: str | None = None,
    ) -> None: ...
    def add_axes(self, rect: Sequence[float]) -> Axes: ...
    def add_subplot(self, rows: int, columns: int, place: int) -> Axes: ...
    def savefig(
        self, fname: str | PathLike[str] | IO[Any], *, format: str, dpi: float
    ) -> None: ...
