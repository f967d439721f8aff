"""Does a model compute the same on other runtimes? `verify` runs it and compares."""

from seqir.verification.report import OutputReport, Report, RuntimeReport
from seqir.verification.verify import verify

__all__ = ["OutputReport", "Report", "RuntimeReport", "verify"]
