"""The command line: ``seqir summary | export | run | features | plot | doctor``."""

from seqir.cli.app import main

__all__ = ["main"]
