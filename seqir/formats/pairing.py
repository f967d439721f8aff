"""Which of the weights that a file keeps of a layer belongs to which of the model's.

The older format keeps the weights of a model inside of a model as one list: what is
trained first, then the rest. So the list of a base of which another part is frozen is
in another order, and equal shapes would be swapped. The names in the file tell.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from seqir.formats.paths import numbered, without_number
from seqir.layers import Layer
from seqir.ops.variable import Variable


def stored_for(
    held: Sequence[str], layer: Layer, variables: Sequence[Variable]
) -> Sequence[str]:
    """The names that a file holds of a layer, in the order of the variables.

    They belong together by their place in both lists, unless their names say otherwise
    and a frozen part explains it.
    """
    ours = _counted(variable.path for variable in variables)
    theirs = _counted(held)
    index = {key: i for i, key in enumerate(ours)}
    in_layers = {id(variable): i for i, variable in enumerate(layer.weights)}
    owners = [[*dict.fromkeys(o for o, _ in names)] for names in (theirs, ours)]
    for owner_of in _pairs(*owners):
        keys = [(owner_of.get(owner, ""), number) for owner, number in theirs]
        if set(keys) != index.keys():
            continue
        found = [variables[index[key]] for key in keys]
        if _explained(found, [in_layers[id(variable)] for variable in found]):
            names = dict(zip(keys, held, strict=True))
            return [names[key] for key in ours]
    return held


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    """For each weight, the name of its layer, and the how manyth it is of that.

    Weights of one layer are in one order, but some have other names now.
    """
    met: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    for name in names:
        owner = name.rpartition("/")[0]
        found.append((owner, met[owner]))
        met[owner] += 1
    return found


def _pairs(theirs: Sequence[str], ours: Sequence[str]) -> Iterator[dict[str, str]]:
    """Ways to find the layers of a file in the model by their names, the best first."""
    yield {name: name for name in theirs if name in ours}
    known = {_last(name): name for name in ours}  # Keras 2 has no path
    last = {name: _last(name) for name in theirs}
    again = {name: without_number(short) for name, short in last.items()}
    for spelled in (last, again):  # what was loaded may get a number
        yield {name: known[s] for name, s in spelled.items() if s in known}
    yield _by_number(theirs, ours)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _by_number(theirs: Sequence[str], ours: Sequence[str]) -> dict[str, str]:
    """Layers with automatic names, which count on from what the process has made."""
    there, here = ({_last(name): name for name in names} for names in (theirs, ours))
    known = numbered(here)
    return {
        there[name]: here[other]
        for base, names in numbered(there).items()
        for name, other in zip(names, known.get(base, ()), strict=False)
    }


def _explained(found: Sequence[Variable], order: Sequence[int]) -> bool:
    """Whether a list is in the order of the layers, apart from what is frozen."""
    falls = [i for i, (a, b) in enumerate(itertools.pairwise(order), 1) if b < a]
    first = falls[0] if falls else 0
    return len(falls) < 2 and all(v.role == "weight" for v in found[:first])
