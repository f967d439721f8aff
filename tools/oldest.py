"""The oldest versions that pyproject.toml allows: ``python -m tools.oldest``.

Prints a constraint file for pip; ``VERSIONS=oldest .ci/run`` installs with it.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("cpu", "keras", "image", "plot", "tensorboard")  # what users install


def constraints(project: Path = PROJECT) -> list[str]:
    """``name==version`` for each package that the library itself uses."""
    table = tomllib.loads(project.read_text())["project"]
    extras = table["optional-dependencies"]
    wanted = [*table["dependencies"], *(one for e in EXTRAS for one in extras[e])]
    return [re.sub(r">=", "==", one) for one in wanted]


if __name__ == "__main__":
    print("\n".join(constraints()))
