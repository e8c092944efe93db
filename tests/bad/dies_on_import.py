"""Ends the process when it is imported, as a broken native library does."""

from __future__ import annotations

import os

import dtlpy as dl

os._exit(6)


class NeverThere(dl.BaseModelAdapter):
    """Never comes to be."""
