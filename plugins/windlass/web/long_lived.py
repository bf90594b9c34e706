"""What an API server has loaded once is not searched for garbage over and over.

Airflow's API server holds some 700,000 objects: modules, routes, models. Lists of a thousand clusters make the
interpreter search all of them every few answers, half a second each time, in which it answers nobody.
"""

from __future__ import annotations

import gc
from functools import cache


@cache
def spare_long_lived() -> None:
    """Leave what is there by now out of every later search, once in a process.

    See https://docs.python.org/3/library/gc.html#gc.freeze. What loses its last reference is freed as ever; only what
    is there now and becomes garbage in a circle stays, which is no more than there is now.
    """
    gc.collect()
    gc.freeze()
