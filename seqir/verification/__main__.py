"""``python -m seqir.verification FOLDER``: the process of `isolated`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from seqir.errors import SeqirError, explain
from seqir.runtimes import Limits, parse, worker
from seqir.verification.compared import compared


def main(folder: Path) -> None:
    """Answer the request in a folder."""
    request: dict[str, Any] = json.loads((folder / "request.json").read_text())
    worker.limit_memory(request["memory"])
    pairs = [(key, worker.decoded(folder, entry)) for key, entry in request["data"]]
    data: Any = dict(pairs) if request["named"] else [array for _, array in pairs]
    try:
        report = compared(
            request["path"],
            [parse(name) for name in request["on"]],
            data if request["given"] else None,
            request["tol"],
            Limits(request["seconds"], request["memory"]),
        )
        answer = report.to_dict()
    except SeqirError as error:
        answer = {"error": type(error).__name__, "message": explain(error)}
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
