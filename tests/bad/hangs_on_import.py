"""Waits for a service when it is imported."""

from __future__ import annotations

import time

import dtlpy as dl

time.sleep(1e6)


class NeverThere(dl.BaseModelAdapter):
    """Never comes to be."""
