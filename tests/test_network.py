"""What does not hold together is refused: edges, loops, numbers and shapes."""

import nir
import numpy as np
import pytest

from lavalier.simulate.errors import BadInput, LavalierError
from lavalier.simulate.network import network_of

from .graphs import a, chain, entry, exit_, joined, lif


def refused(graph: nir.NIRGraph, message: str) -> None:
    with pytest.raises(LavalierError, match=message):
        network_of(graph)


@pytest.mark.parametrize(
    "edges, message",
    [
        (["in -> n -> out", "n -> gone"], "edge n -> gone: there is no node 'gone'"),
        (["in -> n -> out", "in -> n"], "edge in -> n stands twice"),
        (["in -> out"], "node 'n' has no input"),
        (["in -> out", "n -> n"], "node 'n' is in a loop to which no way leads from an input"),
        (["in -> n -> out", "n -> in"], "input 'in' has an edge from 'n'"),
    ],
)
def test_edges(edges, message):
    refused(joined({"in": entry(1), "n": lif(), "out": exit_()}, *edges), message)


def test_ends():
    refused(joined({"n": lif(), "out": exit_()}, "n -> out"), "needs an Input and an Output")
    shapeless = nir.Input({"input": np.array([])})
    refused(joined({"in": shapeless, "out": exit_()}, "in -> out"), "input 'in': shape .* must state sizes")


@pytest.mark.parametrize(
    "node, message",
    [
        (lif(tau=0.0), r"node 'n' \(LIF\): tau = 0 s must be positive"),
        (lif(tau=-1.0), "tau = -1 s must be positive"),
        (lif(tau=0.05), "tau = 0.05 s is below dt = 0.1 s; give its own dt"),
        (lif(tau=np.inf), "tau holds inf"),
        (lif(r=np.nan), "r holds nan"),
        (nir.Delay(a(-0.1)), r"node 'n' \(Delay\): delay = -0.1 s is negative"),
    ],
)
def test_numbers(node, message):
    refused(chain(node), message)


@pytest.mark.parametrize(
    "weight, shape, message",
    [
        ((1, 7), (1,), r"weight \(1, 7\) \(out, in\) does not take \(1,\)"),
        ((3, 2), (3,), "is it transposed"),
        ((1, 6), (2, 3), "put a Flatten before it"),
        ((2, 1, 1), (1,), r"weight \(2, 1, 1\) must be \(out, in\)"),
    ],
)
def test_matrices(weight, shape, message):
    refused(chain(nir.Linear(np.ones(weight)), shape=shape), message)


def test_a_bias_of_another_length():
    refused(chain(nir.Affine(np.ones((3, 2)), np.ones(2)), shape=(2,)), r"bias \(2,\) does not fit")


def conv(weight: tuple[int, ...], **changed) -> nir.Conv1d | nir.Conv2d:
    fields = {"input_shape": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, **changed}
    kind = nir.Conv1d if len(weight) == 3 else nir.Conv2d
    return kind(weight=np.ones(weight), bias=np.ones(weight[0]), **fields)


@pytest.mark.parametrize(
    "node, shape, message",
    [
        (conv((4, 3, 1, 1)), (4, 5, 5), "does not take .* is it transposed"),
        (conv((4, 3, 1, 1)), (3, 5), "does not take"),
        (conv((4, 3, 1, 1), input_shape=(9, 9)), (3, 5, 5), r"input_shape = \(9, 9\), but \(5, 5\) arrives"),
        (conv((4, 3, 7, 1)), (3, 5, 5), "a window of 7 does not fit into 5"),
        (conv((4, 3, 2), stride=2, padding="same"), (3, 5), r"padding = 'same' with stride \(2,\)"),
        (conv((4, 3, 2), padding=-1), (3, 5), "padding = -1 must be 1 whole numbers of at least 0"),
        (conv((4, 3, 2), stride=0.5), (3, 5), "stride = 0.5 must be 1 whole numbers of at least 1"),
        (conv((4, 3, 2), groups=3), (9, 5), "groups = 3 does not divide its 4 channels"),
    ],
)
def test_convolutions(node, shape, message):
    refused(chain(node, shape=shape), message)


@pytest.mark.parametrize(
    "stride, padding, message",
    [
        ((2, 2), (2, 0), "padding .* is more than half of kernel_size"),
        ((0, 2), (0, 0), r"stride = \[0 2\] must be 2 whole numbers of at least 1"),
    ],
)
def test_pools(stride, padding, message):
    node = nir.SumPool2d(np.array([2, 2]), np.array(stride), np.array(padding))
    refused(chain(node, shape=(3, 5, 5)), message)
    refused(chain(node, shape=(5, 5)), r"takes \(channels, height, width\), not \(5, 5\)")


def test_flatten_of_axes_that_are_not_there():
    node = nir.Flatten({"input": np.array([3])}, 0, -1)
    refused(chain(node, shape=(4,)), r"input_type = \(3,\), but \(4,\) arrives")
    node.end_dim = 1
    refused(chain(node, shape=(3,)), "start_dim = 0 to end_dim = 1 are no axes")


def test_parameters_of_another_shape():
    message = r"node 'n' \(Scale\): scale \(3,\) does not fit its input \(2,\)"
    refused(chain(nir.Scale(np.ones(3)), shape=(2,)), message)


def test_edges_that_meet_must_have_one_shape():
    nodes = {"in": entry(2), "w": nir.Linear(np.ones((3, 2))), "s": nir.Scale(a(1.0)), "out": exit_()}
    with pytest.raises(BadInput, match=r"node 'out' \(Output\): adds inputs of different shapes"):
        network_of(joined(nodes, "in -> w -> out", "in -> s -> out"))
