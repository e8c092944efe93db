"""The global random generators: an adapter that seeds them makes everybody else's random numbers repeat."""

from __future__ import annotations

import hashlib
import random
import sys


def generators(*, look_only: bool = False) -> str:
    """Digests of the states of Python's and numpy's global generators, parted by a blank.

    Unless `look_only`, a number is drawn from each first, so that two calls never begin in the same state.
    """
    numpy = sys.modules.get("numpy")
    legacy = getattr(numpy, "random", None)
    if not look_only:
        random.random()
        if legacy is not None:
            legacy.random()
    states = [repr(random.getstate()).encode()]
    if legacy is not None:
        state = legacy.get_state()
        states.append(state[1].tobytes() + repr(state[2:]).encode())
    return " ".join(hashlib.sha1(one).hexdigest() for one in states)
