"""Check a Dataloop model adapter offline."""
