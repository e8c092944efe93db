"""Adapters that behave badly: they hang, die, shout or cannot even be imported."""
