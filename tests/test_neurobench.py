"""Metrics by the field's names: by hand, and against NeuroBench's own code."""

import importlib.util

import numpy as np
import pytest

from lavalier.simulate import LIF, Dense, Input, Program, ndns_metrics, neurobench_metrics, run
from lavalier.simulate.errors import BadInput
from lavalier.simulate.trace import Counts, Trace

from .test_energy import PROGRAM, TRACE, X

needs_neurobench = pytest.mark.skipif(
    importlib.util.find_spec("neurobench") is None, reason="NeuroBench 2.3.0 needs Python 3.10's torch 2.3.1"
)


def test_metrics_by_hand():
    """Two samples of three steps, the second silent; 4 of 9 weights are zero."""
    found = neurobench_metrics(PROGRAM, run(PROGRAM, X, record=PROGRAM.populations))
    assert found["SynapticOperations"] == {"Effective_ACs": 4, "Effective_MACs": 0, "Dense": 27}
    assert found["ConnectionSparsity"] == round(3 / 9, 4)
    # 4 spikes of 2 x 3 steps x 3 neurons
    assert (
        found["ActivationSparsity"] == found["ActivationSparsityByLayer"]["hidden"] == pytest.approx(14 / 18)
    )
    # membranes of the hidden layer: 3 at the first step, then what changed
    v = run(PROGRAM, X, record=["hidden"]).v["hidden"]
    changes = sum(int(v[b, t, n] != v[b, t - 1, n]) for b in range(2) for t in (1, 2) for n in range(3))
    assert found["MembraneUpdates"] == 3 + changes / 2
    assert neurobench_metrics(PROGRAM, TRACE)["MembraneUpdates"] is None


def test_power_proxy_by_hand():
    found = ndns_metrics(PROGRAM, TRACE, latency_s=0.03, host_ops_per_s=1000)
    synops, neurons = 4 / 3e-4, 4 / 1e-4
    assert found["P_proxy_ops_per_s"] == pytest.approx(synops + 10 * neurons)
    assert found["PDP_proxy_ops"] == pytest.approx(0.03 * (synops + 10 * neurons))
    assert found["P_proxy_with_host_ops_per_s"] == pytest.approx(synops + 10 * neurons + 1000)
    with pytest.raises(BadInput, match="latency -1 s"):
        ndns_metrics(PROGRAM, TRACE, latency_s=-1)


def test_dpsnns_own_figure_from_its_published_rates():
    """61.48 M operations a second, a frame every 2.5 ms: the dense part, three layers of 256, four rates."""
    events = 1280 * 0.463 + 131072 * 0.169 + 65536 * 0.138 + 65536 * 0.079
    program = Program(
        {"in": Input((1,))},
        {"all": LIF((768,))},
        (Dense("in", "all", np.ones((768, 1)) * 2),),
        ("all",),
        2.5e-3,
    )
    counts = {
        c: {"all": np.zeros(1)} for c in ("spikes_in", "spikes_out", "axon_out", "dendrite_updates_active")
    }
    trace = Trace(
        np.zeros(1),
        counts=Counts(
            **counts,
            syn_ops={"in -> all": np.array([events])},
            dendrite_updates_inactive={"all": np.array([768])},
        ),
    )
    found = ndns_metrics(program, trace, latency_s=5e-3, host_ops_per_s=109_061 / 2.5e-3)
    assert found["P_proxy_with_host_ops_per_s"] == pytest.approx(61.48e6, rel=1e-3)
    assert found["PDP_proxy_with_host_ops"] == pytest.approx(0.307e6, rel=2e-3)
    assert found["P_proxy_ops_per_s"] == pytest.approx(17.9e6, rel=4e-3)


@needs_neurobench
def test_effective_and_dense_operations_equal_neurobenchs():
    from benchmarks.energy.neurobench import neurobench_mismatches

    (figure,) = neurobench_mismatches(None)
    assert figure.value == 0


@needs_neurobench
def test_the_comparison_notices_one_weight_and_one_spike():
    from benchmarks.energy.neurobench import differences, recurrent_program, replayed_recurrent

    program = recurrent_program()
    x = np.ones((1, 6, 12))
    trace = run(program, x, record=program.populations)
    assert trace.spikes["hidden"].any()
    assert differences(program, x, replayed_recurrent(program, trace), trace) == 0
    net = replayed_recurrent(program, trace)
    net.inward.weight.data[0, 0] = 0 if net.inward.weight.data[0, 0] else 2
    assert differences(program, x, net, trace) == 1
    net = replayed_recurrent(program, trace)
    net.hidden.spikes[0, 2] = 1 - net.hidden.spikes[0, 2]
    assert differences(program, x, net, trace) == 1


@needs_neurobench
def test_neurobench_counts_the_loop_of_rleaky_twice():
    """Version 2.3.0: a zero reset lets snnTorch compute the next state twice, and so call the loop twice."""
    import snntorch as snn
    import torch
    from torch import nn

    from benchmarks.energy.neurobench import by_neurobench

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = snn.RLeaky(0.5, linear_features=5, reset_mechanism="zero", reset_delay=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            spikes, mem = self.cell.reset_mem()
            for now in x.unbind(1):
                spikes, mem = self.cell(now, spikes, mem)
            return mem

    steps = 4
    assert by_neurobench(Net(), np.zeros((1, steps, 5)), torch.float32)["Dense"] == 2 * steps * 5 * 5


@needs_neurobench
def test_membrane_updates_are_neurobenchs():
    """On a layer without leak, where the module's membrane is the Program's over 64."""
    import snntorch as snn
    import torch
    from neurobench.metrics.workload import MembraneUpdates
    from neurobench.models import TorchModel
    from torch import nn

    weights = 2 * np.random.default_rng(1).integers(-3, 6, (7, 4))
    program = Program(
        {"in": Input((4,))}, {"layer": LIF((7,), vth=20)}, (Dense("in", "layer", weights),), ("layer",)
    )
    x = np.random.default_rng(2).random((3, 12, 4)) < 0.3

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Linear(4, 7, bias=False)
            self.weights.weight.data = torch.as_tensor(weights, dtype=torch.float32)
            self.cell = snn.Leaky(1.0, threshold=20.0, reset_mechanism="zero", reset_delay=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mem = torch.zeros(len(x), 7)
            for now in x.unbind(1):
                _, mem = self.cell(self.weights(now), mem)
            return mem

    model = TorchModel(Net())
    model.add_activation_module(snn.SpikingNeuron)
    model.register_hooks()
    given = torch.as_tensor(x, dtype=torch.float32)
    with torch.no_grad():
        theirs = MembraneUpdates()(model, model(given), (given, given))
    trace = run(program, x, record=["layer"])
    assert trace.spikes["layer"].any()
    assert neurobench_metrics(program, trace)["MembraneUpdates"] == theirs
