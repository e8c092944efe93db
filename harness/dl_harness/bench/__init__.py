"""How fast an adapter is, measured so that a noisy machine cannot make it lie.

`record.py` says what is measured, `worker.py` measures in a process of its own, `comparing.py` and `sweeping.py` ask
it for rounds, `verdicts.py` judges pairs of rounds, `reporting.py` and `drawing.py` show what was found.
"""
