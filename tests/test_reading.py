"""export.read and export.write: old habits understood, shapes stated, nothing half-written."""

from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lavalier import export
from lavalier.simulate import run
from lavalier.simulate.errors import BadInput, LavalierError

from .graphs import a, chain, entry, exit_, joined, lif


def written(graph: nir.NIRGraph, path: Path, without: str = "") -> nir.NIRGraph:
    """Return a graph as another framework would have written it, without a field, read."""
    nir.write(path / "g.nir", graph)
    if without:
        with h5py.File(path / "g.nir", "a") as file:
            del file[f"node/nodes/{without}"]
    return export.read(path / "g.nir")


def layers(n_in: int, n: int) -> tuple[nir.NIRNode, nir.NIRNode]:
    rng = np.random.default_rng(0)
    values = np.ones(n)
    neuron = nir.LIF(tau=0.2 * values, r=2 * values, v_leak=0 * values, v_threshold=values)
    return nir.Affine(rng.standard_normal((n, n_in)), rng.standard_normal(n)), neuron


def test_shapes_are_ours_and_stated(tmp_path):
    # nir types a 3 x 5 kernel on 8 x 8 as [4, 6, 6], and groups as fewer channels
    weight = np.random.default_rng(0).standard_normal((4, 1, 3, 5))
    conv = nir.Conv2d((8, 8), weight, 1, 0, 1, 2, np.zeros(4))
    pool = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    node = nir.Flatten({"input": np.array([4, 3, 2])}, 0, -1)
    graph = chain(conv, lif(), pool, node, *layers(24, 3), shape=(2, 8, 8))
    read = written(graph, tmp_path)
    shapes = {
        name: read.nodes[name].output_type["output"].tolist() for name in ("n", "n1", "n2", "n3", "out")
    }
    assert shapes == {"n": [4, 6, 4], "n1": [4, 6, 4], "n2": [4, 3, 2], "n3": [24], "out": [3]}
    assert read.nodes["n1"].tau.shape == (4, 6, 4)
    x = np.random.default_rng(1).random((2, 9, 2, 8, 8))
    assert np.array_equal(run(read, x).output, run(graph, x).output)
    assert run(graph, x).output.any()


@pytest.mark.parametrize("stated", [None, (1, 2, 3), (2, 3)])
def test_a_flatten_that_counts_the_batch_axis(tmp_path, stated):
    node = nir.Flatten({"input": np.array(stated or (2, 3))}, 1, -1)
    graph = chain(node, *layers(6, 3), shape=(2, 3))
    read = written(graph, tmp_path, without="" if stated else "n/input_type")
    assert (read.nodes["n"].start_dim, read.nodes["n"].end_dim) == (0, -1)
    assert read.metadata["read_as"].startswith("Flatten counts the batch axis (as it stands: node 'n")
    assert run(read, np.ones((1, 4, 2, 3))).output.shape == (1, 4, 3)


def test_a_flatten_that_fits_is_left_alone(tmp_path):
    read = written(chain(nir.Flatten({"input": np.array([2, 3, 4])}, 1, -1), shape=(2, 3, 4)), tmp_path)
    assert read.nodes["out"].output_type["output"].tolist() == [2, 12] and "read_as" not in read.metadata


def test_an_input_that_counts_the_batch_axis(tmp_path):
    read = written(chain(*layers(5, 3), shape=(1, 5)), tmp_path)
    assert read.nodes["in"].input_type["input"].tolist() == [5]
    assert read.metadata["read_as"].startswith("Input counts the batch axis")


def test_an_input_that_counts_batch_and_time(tmp_path):
    read = written(chain(*layers(5, 3), shape=(4, 80, 5)), tmp_path)
    assert read.nodes["in"].input_type["input"].tolist() == [5]
    assert read.metadata["read_as"].startswith("Input counts batch and time")


def test_what_fits_in_two_ways_is_refused(tmp_path):
    node = nir.Flatten({"input": np.array([1, 1, 6])}, 1, -1)
    with pytest.raises(BadInput, match=r"node 'n2' \(LIF\): tau \(3,\) does not fit its input \(1, 3\)"):
        written(chain(node, *layers(6, 3), shape=(1, 1, 6)), tmp_path)


def test_the_shape_of_an_output_is_cosmetic(tmp_path):
    graph = chain(*layers(5, 3), shape=(5,))
    graph.nodes["out"] = exit_(7, 7)
    assert written(graph, tmp_path).nodes["out"].output_type["output"].tolist() == [3]


def test_scalars_are_spread(tmp_path):
    affine, _ = layers(5, 3)
    graph = chain(affine, lif(), shape=(5,))
    read = written(graph, tmp_path)
    assert read.nodes["n1"].v_threshold.tolist() == [1, 1, 1]
    x = np.random.default_rng(0).random((2, 20, 5))
    assert np.array_equal(run(read, x).output, run(graph, x).output)


def test_the_file_is_named_in_every_refusal(tmp_path):
    with pytest.raises(BadInput, match=r"g\.nir: node 'n' \(LIF\): tau = 0.05 s is below dt = 0.1 s"):
        written(chain(lif(tau=0.05)), tmp_path)
    assert export.read(tmp_path / "g.nir", dt=0.01).metadata["dt"] == 0.01


def test_what_does_not_hold_together_is_not_written(tmp_path):
    with pytest.raises(LavalierError, match="tau = -1 s must be positive"):
        export.write(chain(lif(tau=-1.0)), tmp_path / "g.nir")
    assert list(tmp_path.iterdir()) == []


def test_writing_leaves_the_graph_alone(tmp_path):
    graph = chain(layers(5, 3)[0], lif(), shape=(5,))
    export.write(graph, tmp_path / "g.nir")
    assert graph.nodes["n1"].tau.shape == (1,) and graph.metadata == {"dt": 0.1}


@given(seed=st.integers(0, 9999), n=st.integers(1, 6), loops=st.booleans())
def test_random_graphs_survive_the_file(tmp_path_factory, seed, n, loops):
    graph = random_graph(np.random.default_rng(seed), n, loops)
    path = tmp_path_factory.mktemp("g", numbered=True) / "g.nir"
    export.write(graph, path)
    read = export.read(path)
    names = [name for name, node in graph.nodes.items() if isinstance(node, (nir.LIF, nir.CubaLI))]
    x = np.random.default_rng(seed).integers(0, 2, (2, 12, 3))
    before, after = run(graph, x, record=names), run(read, x, record=names)
    assert np.array_equal(before.output, after.output)
    for name in names:
        assert np.array_equal(before.v[name], after.v[name])


def random_graph(rng: np.random.Generator, n: int, loops: bool) -> nir.NIRGraph:
    """Return nodes of 3 with every kind of edge: on, skipping, back."""
    nodes: dict[str, nir.NIRNode] = {"in": entry(3)}
    edges = []
    for i in range(n):
        name = f"n{rng.integers(100)}_{i}"
        nodes[name] = _node(rng)
        sources = rng.choice(list(nodes)[:-1], size=min(i + 1, rng.integers(1, 3)), replace=False)
        edges += [f"{source} -> {name}" for source in sources]
        if loops and isinstance(nodes[name], (nir.LIF, nir.CubaLI)):
            nodes[f"{name}_back"] = _node(rng)
            edges += [f"{name} -> {name}_back", f"{name}_back -> {name}"]
    nodes["out"] = exit_(3)
    return joined(nodes, *edges, f"{list(nodes)[-2]} -> out")


def _node(rng: np.random.Generator) -> nir.NIRNode:
    tau = rng.uniform(0.1, 1, 3)
    kinds = [
        nir.LIF(tau=tau, r=tau / 0.1, v_leak=rng.normal(size=3) / 9, v_threshold=rng.random(3)),
        nir.CubaLI(tau_syn=tau, tau_mem=tau, r=tau, v_leak=0 * tau, w_in=tau),
        nir.Affine(rng.normal(size=(3, 3)), rng.normal(size=3)),
        nir.Scale(rng.normal(size=3)),
        nir.Delay(0.1 * rng.integers(0, 3, 3)),
        nir.Threshold(a(0.5)),
    ]
    return kinds[rng.integers(len(kinds))]
