"""Whether a call that stands in the source fits the parameters of what it calls."""

from __future__ import annotations

import ast

from dl_harness.evidence import Parameter


def binding_refusal(parameters: tuple[Parameter, ...], call: ast.Call) -> str | None:
    """Why a call certainly does not bind (parameters without self), or None. `*a` and `**k` may bring anything."""
    spread = any(isinstance(a, ast.Starred) for a in call.args)
    spread_names = any(k.arg is None for k in call.keywords)
    slots = [p for p in parameters if p.kind in {"positional_only", "positional_or_keyword"}]
    given = len([a for a in call.args if not isinstance(a, ast.Starred)])
    if given > len(slots) and not any(p.kind == "var_positional" for p in parameters):
        return f"{given} positional arguments, and {len(slots)} are taken"
    names = {p.name for p in parameters if p.kind in {"positional_or_keyword", "keyword_only"}}
    anything = any(p.kind == "var_keyword" for p in parameters)
    taken = {p.name for p in slots[:given] if p.kind != "positional_only"}
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        if keyword.arg in taken and not spread:
            return f"{keyword.arg!r} twice, by position and by name"
        if keyword.arg not in names and not anything:
            return f"a keyword {keyword.arg!r}, which is no parameter"
    if spread or spread_names:
        return None
    passed = {p.name for p in slots[:given]} | {k.arg for k in call.keywords}
    missing = [p.name for p in parameters if p.required and p.name not in passed]
    return f"nothing for {', '.join(map(repr, missing))}" if missing else None
