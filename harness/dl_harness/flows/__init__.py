"""Flows drive an adapter and record what happened; they never judge."""
