"""The command line: ``seqir summary | export | convert | run | features | ...``."""

from seqir.cli.app import main

__all__ = ["main"]
