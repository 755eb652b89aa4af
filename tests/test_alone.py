"""A population alone, given what its sources sent, does what it did in the network."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate import run
from lavalier.simulate.alone import alone, heard
from lavalier.simulate.ranges import RANGES

from .programs import events, programs


@given(programs(), st.data())
def test_a_population_alone_does_what_it_did_in_the_network(program, data):
    x = data.draw(events(program))
    names = tuple(program.populations)
    whole = run(program, x, names)
    for name in names:
        sources = heard(program, name)
        if max(program.message_bits(source) for source in sources) > RANGES["message_bits"][1]:
            continue  # no input holds what a graded population may send
        sent = {given: x[s] if s in x else whole.spikes[s] for s, given in sources.items()}
        trace = run(alone(program, name), sent, (name,))
        assert np.array_equal(trace.u[name], whole.u[name])
        assert np.array_equal(trace.v[name], whole.v[name])
