from collections.abc import Sequence

class Path:
    MOVETO: int
    LINETO: int
    CURVE3: int
    CURVE4: int
    CLOSEPOLY: int

    def __init__(
        self,
        vertices: Sequence[tuple[float, float]],
        codes: Sequence[int] | None = None,
    ) -> None: ...
