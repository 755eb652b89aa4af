"""Connection types as Lava processes; a function for each, in `SYNAPSES`.

Each takes one step. What must arrive later waits in a `Line` before it (`network.py`). Lava is imported
inside the functions, so that the list can be read where Lava is not installed.
"""

from typing import Any

from ..simulate.connections import Dense
from .forms import Form


def dense(connection: Dense, message_bits: int) -> Any:
    """`Dense` is Lava's `Dense` in its mixed sign mode."""
    from lava.proc.dense.process import Dense as LavaDense
    from lava.utils.weightutils import SignMode

    return LavaDense(
        weights=connection.weights,
        weight_exp=connection.weight_exp,
        num_weight_bits=connection.num_weight_bits,
        num_message_bits=message_bits,
        sign_mode=SignMode.MIXED,  # Lava would guess it from the signs, and read other bits
        name=connection.name,
    )


SYNAPSES: dict[type, Form] = {Dense: Form("stock Dense", dense)}
