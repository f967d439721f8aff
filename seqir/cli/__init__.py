"""The command line: ``seqir summary | export | convert | run | features | ...``."""

from seqir.cli.commands import main

__all__ = ["main"]
