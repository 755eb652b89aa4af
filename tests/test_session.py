"""A stream in pieces is what one run of all gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate import LI, LIF, Dense, Input, Program, Session, fast
from lavalier.simulate.errors import BadInput
from lavalier.simulate.trace import COUNTERS

from .programs import events, programs


@given(st.data())
def test_pieces_are_the_whole(data):
    program = data.draw(programs())
    x = data.draw(events(program, steps=12))
    names = tuple(program.populations)
    whole = fast.run(program, x, names)
    ends = sorted(data.draw(st.sets(st.integers(0, 12), max_size=4)) | {0, 12})
    session = Session(program)
    pieces = [
        session.run({n: a[:, i:j] for n, a in x.items()}, names) for i, j in zip(ends, ends[1:], strict=False)
    ]
    for part in ("spikes", "u", "v"):
        for name, values in getattr(whole, part).items():
            joined = np.concatenate([getattr(piece, part)[name] for piece in pieces], axis=1)
            assert np.array_equal(joined, values), (part, name)
    for counter in COUNTERS:
        for name, values in getattr(whole.counts, counter).items():
            total = sum(getattr(piece.counts, counter)[name] for piece in pieces)
            assert np.array_equal(total, values), (counter, name)


def summing() -> Program:
    return Program(
        inputs={"in": Input((1,))},
        populations={"n": LIF((1,), dv=0, vth=3), "sum": LI((1,), dv=0)},
        connections=(Dense("in", "n", [[2]]), Dense("n", "sum", [[2]])),
        outputs=("sum",),
    )


def test_reset_starts_anew():
    session, ones = Session(summing(), batch=1), np.ones((1, 4, 1))
    first = session.run(ones).output
    assert not np.array_equal(session.run(ones).output, first)
    session.reset()
    assert np.array_equal(session.run(ones).output, first)


def test_the_batch_stays():
    session = Session(summing(), batch=2)
    with pytest.raises(BadInput, match="x has 1 samples; this session runs 2 side by side"):
        session.run(np.ones((1, 4, 1)))
    with pytest.raises(BadInput, match="batch = 0"):
        Session(summing(), batch=0)


def test_a_byte_that_is_no_spike_is_an_error_before_anything_is_run():
    session, ones = Session(summing(), batch=1), np.ones((1, 4, 1), np.uint8)
    expected = Session(summing()).run(ones).output
    with pytest.raises(BadInput, match="events from 0 to 2"):
        session.run(2 * ones)
    assert np.array_equal(session.run(ones).output, expected)
