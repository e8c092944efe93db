"""What `--against` names: a git revision of the adapter's repository, or another target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dl_harness.bench import revision
from dl_harness.bench.comparing import Version
from dl_harness.checking import spec_of
from dl_harness.spec import Spec, Target, UsageError
from dl_harness.target import resolve

SAME_FOR_BOTH = ("items", "batch_size", "call_limit_s", "wrappers")


def one_target(name: str) -> Target:
    """The one adapter that a target names. Raises UsageError when there are several."""
    found = resolve(name)
    if len(found) > 1:
        known = ", ".join(target.subject.name for target in found)
        raise UsageError(f"{name} names several adapters ({known}); name one as path/to/file.py:Class.")
    return found[0]


def version(name: str, given: dict[str, Any]) -> Version:
    """The adapter as it stands in the working tree, uncommitted changes included."""
    target = one_target(name)
    spec, settings = spec_of(target, given)
    return Version("this version", target, spec, settings.service)


@contextmanager
def other_version(name: str, this: Version, against: str, given: dict[str, Any]) -> Iterator[Version]:
    """What this version is compared with. Raises UsageError when `against` is neither a revision nor a target."""
    commit = revision.commit_of(this.target, against)
    if commit is not None and Path(against).exists():
        raise UsageError(
            f"--against {against} is a revision and a path; write ./{against} for the path, or {commit[:12]} for the"
            " revision."
        )
    if commit is None:
        yield _version(against, _resolved(this.target, against), this, given)
        return
    with revision.checked_out(name, this.target, against, commit) as target:
        yield _version(f"{against} ({commit[:12]})", target, this, given)


def _resolved(this: Target, against: str) -> Target:
    try:
        return one_target(against)
    except UsageError as error:
        top = revision.repository_of(this)
        where = f"no revision of {top}" if top else "no revision, since the adapter is in no git repository,"
        raise UsageError(f"--against {against}: {where} and no target: {error}") from error


def _version(name: str, target: Target, this: Version, given: dict[str, Any]) -> Version:
    """The other version, over the items of this one; artifacts are its own, or else this one's."""
    own = {key: value for key, value in given.items() if key != "items"}
    try:
        spec, settings = spec_of(target, own)
        service = settings.service
    except UsageError:
        # Settings name files that are not in the repository: weights and items that git ignores.
        spec, service = Spec(target=target, workspace="", evidence="", model=target.model), this.service
    same = {field: getattr(this.spec, field) for field in SAME_FOR_BOTH}
    artifacts, stubs = spec.artifacts or this.spec.artifacts, spec.stubs or this.spec.stubs
    return Version(
        name, target, msgspec.structs.replace(spec, artifacts=artifacts, stubs=stubs, **same), service or this.service
    )
