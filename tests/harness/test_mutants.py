"""The survivors of mutation testing: each has a reason, and its code is still there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from messages import ROOT

sys.path.insert(0, str(ROOT))

from tests import mutants


def test_every_survivor_has_a_reason_and_still_exists() -> None:
    there = {m.id: m for module in {e["module"] for e in mutants.known().values()} for m in mutants.mutants(module)}

    for id_, entry in mutants.known().items():
        assert len(entry["reason"].split()) >= 4, entry
        assert id_ in there, (
            f"{entry['module']} has changed at {entry['before']!r}: take its entry out, or judge it anew"
        )
        assert (there[id_].before, there[id_].after) == (entry["before"], entry["after"])


@pytest.mark.parametrize("module", [*mutants.modules_of(False), *mutants.modules_of(True)])
def test_every_mutant_is_another_program_that_can_be_read(module: str) -> None:
    text = mutants.path_of(module).read_bytes()
    found = list(mutants.mutants(module))

    assert len({mutant.id for mutant in found}) == len(found)
    for mutant in found[:: max(1, len(found) // 25)]:
        changed = mutant.source(text)
        assert changed != text
        compile(changed, module, "exec")


def test_a_mutant_is_killed_by_a_record_and_an_equal_one_survives() -> None:
    program = (
        "import sys; sys.path[:0] = ['.', 'tests']\n"
        "from pathlib import Path\n"
        "from tests.mutants import Mutant, Records, mutants, path_of, survives\n"
        "oracle = Records(Path('nowhere'))\n"
        "found = [m for m in mutants('contracts.signature') if m.function == 'class_known']\n"
        "text = path_of('contracts.signature').read_bytes()\n"
        "same = Mutant('contracts.signature', '', 1, '', ' ' * 0, 0, 0)\n"
        "print(survives(oracle, same), *(survives(oracle, m) for m in found))\n"
    )

    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    equal, *others = said.split()
    assert equal == "True"
    assert "False" in others
