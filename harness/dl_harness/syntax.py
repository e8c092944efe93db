"""Reading Python source as a syntax tree, from any thread."""

from __future__ import annotations

import ast
import contextlib
import threading
import warnings

_LOCK = threading.Lock()
RETRIES = 4


def parse(source: bytes | str, filename: str = "<source>") -> ast.Module:
    """The syntax tree of a source.

    Before 3.13 the interpreter counts the depth of the tree that it builds in one place for all threads, and a switch
    of threads ends as `SystemError: AST constructor recursion depth mismatch` (CPython issue 106905), with no
    fault in the source. A lock keeps our own threads apart; what other code parses meanwhile is waited out.

    Raises SyntaxError, or ValueError for a source with null bytes.
    """
    for _ in range(RETRIES):
        with contextlib.suppress(SystemError), _LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in the source is none of our output
            return ast.parse(source, filename)
    return ast.parse(source, filename)
