"""The arithmetic of our own Lava process against the law, one step, from any state; without Lava."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import csr_array

from lavalier.deploy.arithmetic import at_rest, take_step
from lavalier.simulate.neurons import NEURONS
from lavalier.simulate.ranges import RANGES
from lavalier.simulate.reference import MORE, RULES, synapse
from lavalier.simulate.wide import deliver

V_END = (1 << 23) - 1
STATES = {
    "u": (-V_END, V_END + 1),
    "v": (-V_END, V_END),
    "held": (0, 1),
    "rest": (0, RANGES["refractory"][1]),
    "e": (0, V_END),
    "a_in": (-(1 << 31), (1 << 31) - 1),
}
REMEMBERED = {"LIFSubtract": ("held",), "LIFRefractory": ("rest",), "ALIF": ("held", "e")}


def drawn(rng: np.random.Generator, low: int, high: int, n: int) -> np.ndarray:
    """Whole numbers: a third anywhere, a third near 0, a third at the ends."""
    near = rng.integers(max(low, -300), min(high, 300) + 1, n)
    ends = rng.choice([low, low + 1, high - 1, high], n)
    return np.choose(rng.integers(0, 3, n), [rng.integers(low, high + 1, n), near, ends])


def anywhere(rng: np.random.Generator, kind: str, registers: dict, state: dict) -> None:
    """Leave what was drawn."""


def at_its_threshold(rng: np.random.Generator, kind: str, registers: dict, state: dict) -> None:
    """Let v come to its threshold, give or take one."""
    n = state["v"].size
    registers |= {field: np.zeros(n, np.int64) for field in ("dv", "de", "bias_mant") if field in registers}
    vth = registers.get("vth", np.zeros(n, np.int64))
    raised = np.minimum(state["e"], V_END - np.minimum(vth << 6, V_END))
    state |= at_rest({}, n) | {"e": raised, "v": np.minimum(vth << 6, V_END) + raised}
    state["a_in"] = rng.integers(-1, 2, n) + (vth if kind == "GradedReLU" else 0)


def where_u_wraps(rng: np.random.Generator, kind: str, registers: dict, state: dict) -> None:
    """Let u come to +-2^23, give or take one weight."""
    n = state["u"].size
    state["u"], state["a_in"] = np.zeros(n, np.int64), rng.choice([-1, 1], n) << 17
    state["a_in"] += rng.integers(-1, 2, n)


def going_to_rest(rng: np.random.Generator, kind: str, registers: dict, state: dict) -> None:
    """Let nothing arrive, and everything decay."""
    n = state["u"].size
    full = {"du": 4095, "dv": 4096, "bias_mant": 0}
    registers |= {field: np.full(n, value) for field, value in full.items() if field in registers}
    state |= at_rest({}, n) | {"u": state["u"], "v": state["v"]} | {"a_in": np.zeros(n, np.int64)}


@pytest.mark.parametrize("bend", [anywhere, at_its_threshold, where_u_wraps, going_to_rest])
@pytest.mark.parametrize("kind", NEURONS)
def test_a_step_is_the_laws(kind: str, bend: Callable[..., None]) -> None:
    rng, n, fields = np.random.default_rng(0), 2000, NEURONS[kind].registers()
    remembered = REMEMBERED.get(kind, ())
    assert len(remembered) == MORE.get(NEURONS[kind], 0)
    registers = {field: drawn(rng, *RANGES[field], n) for field in fields}
    moved = {name: drawn(rng, *STATES[name], n) for name in ("u", "v", "a_in", *remembered)}
    state = at_rest({}, n) | moved
    bend(rng, kind, registers, state)

    after = {name: values.copy() for name, values in state.items()}
    taken = take_step(kind, registers, after, after.pop("a_in"))
    for j in range(n):
        before = [0, 0] if kind == "GradedReLU" else [int(state["u"][j]), int(state["v"][j])]
        before += [int(state[name][j]) for name in remembered]
        row = [int(registers[field][j]) for field in fields]
        step = RULES[NEURONS[kind]](*before, int(state["a_in"][j]), *row)
        found = [int(values[j]) for values in taken]
        assert found == [step.s, step.wrapped, step.saturated, step.active], (before, row, step)
        if kind != "GradedReLU":
            left = [int(after[name][j]) for name in ("u", "v", *remembered)]
            assert left == [step.u, step.v, *step.more], (before, row, step)


@pytest.mark.parametrize("weight_exp", range(-8, 8))
def test_synapses_are_the_laws(weight_exp: int) -> None:
    rng = np.random.default_rng(weight_exp + 8)
    weights, events = rng.integers(-256, 256, (20, 30)), drawn(rng, 0, 2**24 - 1, 30)
    by_law = [synapse(row, events.tolist(), weight_exp) for row in weights.tolist()]
    assert deliver(weights, weight_exp, events).tolist() == by_law
    assert deliver(csr_array(weights), weight_exp, events[:, None])[:, 0].tolist() == by_law


def test_a_sample_starts_from_its_initial_state() -> None:
    state = at_rest({"u0": np.array([3, -4]), "v0": np.array([-V_END, V_END])}, 2)
    assert {name: values.tolist() for name, values in state.items()} == {
        "u": [3, -4],
        "v": [-V_END, V_END],
        "e": [0, 0],
        "held": [0, 0],
        "rest": [0, 0],
    }
