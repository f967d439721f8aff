"""Programs for those who work on seqir: pages, figures, timings.

Pages about layers are made from the samples in tests/, which is found from here on.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
