"""Files from the network: checked, cached, continued where they broke off.

Nothing that was downloaded is ever unpacked or executed here.
"""

from seqir.downloads.cache import fetch, home
from seqir.downloads.get_file import get_file

__all__ = ["fetch", "get_file", "home"]
