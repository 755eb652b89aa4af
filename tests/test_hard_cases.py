"""Networks that rounding hurts most: what the search keeps of them, and what max-abs loses."""

import numpy as np
import pytest

from benchmarks.hard_cases import CASES, Case, braille, chain, thresholds, zero_weights
from benchmarks.quantization import scored
from lavalier.export.quantization import quantization
from lavalier.simulate import run
from lavalier.simulate.neurons import LIFSubtract

# output error on events that the search has not seen, at 4 bits: of max-abs at least, of the search at most
ERRORS = {
    "heavy-tailed weights": (0.9, 0.45),
    "betas of 0.999": (0.2, 0.13),
    "betas of 0.999 to 0.9998": (0.15, 0.11),
    "a layer of zeros": (0.07, 0.06),
    "thresholds 0.01 and 100": (0.16, 0.15),
    "subtracting reset": (0.25, 0.22),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_search_keeps_what_max_abs_loses(name):
    case = CASES[name]()
    at_least, at_most = ERRORS[name]
    before, after = scored(case, quantization(case.graph, case.calibration, 4))
    assert before.error >= at_least and after.error <= at_most, (before, after)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, 4])
def test_a_chain_of_20_layers_fires_to_its_end(bits):
    case = CASES["20 layers"]()
    found = quantization(case.graph, case.calibration, bits)
    before, after = scored(case, found)
    assert len(found.choices) == 20 and after.error <= before.error < 0.5
    last = f"n{len(found.choices) - 2}"
    rates = [run(n, case.test, [last]).spikes[last].mean() for n in (case.graph, found.program)]
    assert rates[0] > 0.05 and rates[1] == pytest.approx(rates[0], rel=0.05)


def test_weights_of_zero_stay_zero_and_the_bias_fires():
    case = zero_weights()
    found = quantization(case.graph, case.calibration)
    assert not found.program.incoming("n1")[0].weights.any()
    floats, ours = (run(n, case.test, ["n1"]).spikes["n1"] for n in (case.graph, found.program))
    assert floats.any() and np.mean(floats != ours) < 0.02


def test_thresholds_far_apart_keep_their_share_each():
    case = thresholds()
    found = quantization(case.graph, case.calibration)
    for p in found.floats[:2]:
        neuron, choice = found.program.populations[p.name], found.choices[p.name]
        assert np.abs(neuron.vth / choice.scale / p.threshold - 1).max() < 1e-9  # whole at its scale
        assert choice.scale[1] / choice.scale[0] > 1000  # of 0.01 and of 100


def test_a_subtracting_reset_is_searched_as_such():
    case = CASES["subtracting reset"]()
    found = quantization(case.graph, case.calibration)
    assert isinstance(found.program.populations["n0"], LIFSubtract)
    floats, ours = (run(n, case.test, ["n0"]).spikes["n0"] for n in (case.graph, found.program))
    assert floats.mean() > 0.1 and np.mean(floats != ours) < 0.02


def test_a_slow_membrane_takes_the_decay_that_serves_it():
    """3.5 of 4096 is rounded to 4; what a neuron does over the calibration may prefer 3."""
    rng = np.random.default_rng(0)
    beta = 1 - 3.51 / 4096
    graph = chain(rng, [20, 30, 5], lambda shape: rng.normal(0, 0.2, shape), betas=(beta, beta))
    x = (rng.random((16, 100, 20)) < 0.2).astype(np.uint8)
    found = quantization(graph, x)
    dv = found.program.populations["n0"].dv
    assert set(dv.tolist()) == {3, 4}  # not one for all
    assert found.layers[0].tau_error == pytest.approx(3.51 / 3 - 1, abs=1e-3)


@pytest.mark.parametrize("bits", [8, 4])
def test_the_recurrent_braille_network_keeps_its_class_and_rates(shared, bits):
    case: Case = braille()
    found = quantization(case.graph, case.calibration, bits)
    name = "lif1.lif"
    floats, ours = (run(n, case.test, [name]) for n in (case.graph, found.program))
    assert ours.output.sum(1).argmax() == floats.output.sum(1).argmax() == 1
    rates = [t.spikes[name].sum((0, 1)) for t in (floats, ours)]
    assert np.corrcoef(*rates)[0, 1] > (0.99 if bits == 8 else 0.95)
