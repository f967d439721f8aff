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
    def add_subplot(self, rows: int = 1, columns: int = 1, place: int = 1) -> Axes: ...
    def subplots(self, nrows: int = 1, ncols: int = 1, **options: Any) -> Any: ...
    def text(self, x: float, y: float, s: str, **style: Any) -> Any: ...
    def savefig(
        self, fname: str | PathLike[str] | IO[Any], *, format: str = ..., dpi: float
    ) -> None: ...
