"""A node's wall clock that can be set while it runs: Python reads this where the folder is on PYTHONPATH.


How far off it is stands in a file beside the node's configuration: 8 bytes, signed, nanoseconds.
Monotonic clocks stay as they are, as they do when a real clock is set.
"""

import mmap
import sys
import time
from pathlib import Path
from struct import Struct

if "--config" in sys.orig_argv:
    _file = Path(sys.orig_argv[sys.orig_argv.index("--config") + 1]).with_name("clock-offset")
    with _file.open("rb") as _opened:
        _offset = mmap.mmap(_opened.fileno(), 8, prot=mmap.PROT_READ)
    _read = Struct("<q").unpack_from
    _right_ns, _right_s = time.time_ns, time.time

    time.time_ns = lambda: _right_ns() + _read(_offset)[0]
    time.time = lambda: _right_s() + _read(_offset)[0] / 1_000_000_000
