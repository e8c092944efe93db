"""Imports what nobody has installed."""

from __future__ import annotations

import a_framework_that_is_not_here
import dtlpy as dl


class NeedsAFramework(dl.BaseModelAdapter):
    """Never comes to be."""

    engine = a_framework_that_is_not_here.Engine
