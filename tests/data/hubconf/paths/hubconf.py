import os
import sys
from os.path import abspath, dirname, join
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
sys.path.append(str(Path(__file__).resolve().parent / "lib" / "inner"))
here = dirname(abspath(__file__))
if here not in sys.path:
    sys.path.append(here)

from in_lib_zq import lib_entry
from in_inner_zq import inner_entry as deeper

sys.path.remove(os.path.join(here, "lib"))
