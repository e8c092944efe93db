"""Ends the program when it is imported without its settings."""

from __future__ import annotations

import sys

import dtlpy as dl

if "--model" not in sys.argv:
    sys.exit("usage: exits_on_import.py --model MODEL")


class NeedsArguments(dl.BaseModelAdapter):
    """Was a script."""
