"""Adapters that break one contract each: every class derives from a good one and is wrong in exactly one way."""
