"""The catalogue: one module per family; importing this package declares every contract.

Contracts read evidence and judge it. They import no SDK, no HTTP and no pytest, and run nothing.
"""

from dl_harness.contracts import laws, layout, lifecycle, output, signature, throughput, training

__all__ = ["laws", "layout", "lifecycle", "output", "signature", "throughput", "training"]
