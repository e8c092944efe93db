"""The catalogue: one module per family; importing this package declares every contract.

Contracts read evidence and judge it. They import no SDK, no HTTP and no pytest, and run nothing.
"""

# What can be read before anything runs comes first; reports keep this order.
# isort: off
from dl_harness.contracts import signature
from dl_harness.contracts import manifest
from dl_harness.contracts import names
from dl_harness.contracts import imports
from dl_harness.contracts import sdk
from dl_harness.contracts import initialisation
from dl_harness.contracts import batch_loop
from dl_harness.contracts import configuration
from dl_harness.contracts import side_effects
from dl_harness.contracts import portability
from dl_harness.contracts import output
from dl_harness.contracts import layout
from dl_harness.contracts import throughput
from dl_harness.contracts import lifecycle
from dl_harness.contracts import training
from dl_harness.contracts import running_effects
from dl_harness.contracts import robustness
from dl_harness.contracts import errors
from dl_harness.contracts import prompt
from dl_harness.contracts import laws

# isort: on

__all__ = [
    "batch_loop",
    "configuration",
    "errors",
    "imports",
    "initialisation",
    "laws",
    "layout",
    "lifecycle",
    "manifest",
    "names",
    "output",
    "portability",
    "prompt",
    "robustness",
    "running_effects",
    "sdk",
    "side_effects",
    "signature",
    "throughput",
    "training",
]
