"""NIR files: what nir writes comes back the same; anything else is a graph or one clear line."""

import pickle
import re
from copy import deepcopy
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from lavalier.simulate import hdf5_tree, nir_parsing
from lavalier.simulate.errors import BadInput, LavalierError
from lavalier.simulate.nir_file import first_difference, read_graph, write_graph
from lavalier.simulate.nir_parsing import KINDS

from .damage import damaged, drawn_damage

ONE, TWO = np.ones(1), np.array([1.0, 2.0])


def ports(*shape: int) -> dict[str, nir.NIRNode]:
    return {"in": nir.Input({"input": np.array(shape)}), "out": nir.Output({"output": np.array(shape)})}


def chain(**nodes: nir.NIRNode) -> nir.NIRGraph:
    """Return in -> nodes -> out."""
    names = ["in", *nodes, "out"]
    edges = list(zip(names, names[1:], strict=False))
    return nir.NIRGraph({**ports(2), **nodes}, edges, type_check=False)


def conv2d(**changes) -> nir.Conv2d:
    fields = {"input_shape": (5, 6), "weight": np.ones((4, 1, 3, 2)), "stride": 1, "padding": (0, 1)}
    return nir.Conv2d(**(fields | {"dilation": 2, "groups": 2, "bias": np.arange(4.0)} | changes))


def conv1d(**changes) -> nir.Conv1d:
    fields = {"input_shape": 9, "weight": np.ones((2, 3, 4), np.float16), "stride": 2, "padding": "valid"}
    return nir.Conv1d(**(fields | {"dilation": 1, "groups": 1, "bias": TWO} | changes))


def lif(**changes) -> nir.LIF:
    return nir.LIF(**({"tau": TWO, "r": TWO, "v_leak": 0 * TWO, "v_threshold": TWO} | changes))


NODES = {
    "Input": nir.Input({"input": np.array([2, 3])}),
    "Output": nir.Output({"output": np.array([2, 3])}),
    "Affine": nir.Affine(np.array([[1, -2], [3, 4]], np.int8), TWO),
    "Linear": nir.Linear(np.ones((3, 2), bool)),
    "Conv1d": conv1d(),
    "Conv2d": conv2d(),
    "SumPool2d": nir.SumPool2d(np.array([2, 3]), np.array([1, 2]), np.array([0, 1])),
    "AvgPool2d": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
    "Flatten": nir.Flatten({"input": np.array([2, 3, 4])}, 0, -2),
    "Scale": nir.Scale(TWO),
    "Threshold": nir.Threshold(TWO),
    "Delay": nir.Delay(np.array([0, 1e-3], np.float32)),
    "I": nir.I(TWO),
    "IF": nir.IF(TWO, TWO),
    "LI": nir.LI(TWO, TWO, TWO),
    "LIF": lif(v_reset=-TWO),
    "CubaLI": nir.CubaLI(TWO, TWO, TWO, TWO, TWO),
    "CubaLIF": nir.CubaLIF(TWO, TWO, TWO, TWO, TWO, TWO, TWO),
    "NIRGraph": chain(inner=lif()),
}


def assert_equal(a, b) -> None:
    """Compare all of two nodes, dictionaries or values, with their types."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, nir.NIRNode):
        assert_equal(vars(a), vars(b))
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for name in a:
            assert_equal(a[name], b[name])
    else:
        assert np.array_equal(a, b), (a, b)
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None)


def test_every_type_that_nir_writes_is_here():
    assert NODES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", NODES)
def test_what_is_written_comes_back_field_by_field(kind, tmp_path):
    node, inner = deepcopy(NODES[kind]), deepcopy(NODES[kind])
    graph = chain(node=node, outer=chain(inner=chain(node=inner)))
    for part in (graph, node, inner):
        part.metadata = {
            "text": "käse\n",
            "list": ["a", "b"],
            "number": np.float64(2),
            "dict": {"array": TWO},
        }
    write_graph(graph, tmp_path / "g.nir")
    again = read_graph(tmp_path / "g.nir")
    graph.edges, again.edges = sorted(graph.edges), sorted(again.edges)
    assert_equal(graph, again)
    assert first_difference(graph, again) is None


@pytest.mark.parametrize("name", ["lif/lif_norse.nir", "braille/braille_noDelay_bias_zero.nir"])
def test_files_from_elsewhere_read_as_nir_reads_them(shared, name):
    path = shared / "fixtures" / name
    assert first_difference(nir.read(path, type_check=False), read_graph(path)) is None


def test_a_graph_without_edges_and_one_without_nodes(tmp_path):
    for nodes in (ports(2), {}):
        nir.write(tmp_path / "g.nir", nir.NIRGraph(nodes, [], type_check=False))
        graph = read_graph(tmp_path / "g.nir")
        assert graph.nodes.keys() == nodes.keys() and graph.edges == []


def written(
    tmp_path: Path, graph: nir.NIRGraph, change=lambda node: None, where: str = "node/nodes/n"
) -> Path:
    """Write a graph and change the file by hand."""
    path = tmp_path / "g.nir"
    nir.write(path, graph)
    with h5py.File(path, "r+") as file:
        change(file[where])
    return path


def put(**fields):
    """Return a change: these fields instead; None removes one."""

    def change(group):
        for name, value in fields.items():
            if name in group:
                del group[name]
            if value is not None:
                group[name] = value

    return change


def read_changed(tmp_path, node, **fields):
    return read_graph(written(tmp_path, chain(n=node), put(**fields))).nodes["n"]


def test_what_old_files_lack_has_its_default(tmp_path):
    assert read_changed(tmp_path, lif(), v_reset=None).v_reset.tolist() == [0, 0]
    assert read_changed(tmp_path, NODES["CubaLI"], w_in=None).w_in.tolist() == [1, 1]
    assert read_changed(tmp_path, conv2d(), input_shape=None).input_shape is None
    assert read_changed(tmp_path, conv1d(), input_shape=None).input_shape is None
    node = read_changed(tmp_path, NODES["Flatten"], input_type=None, start_dim=None, end_dim=None)
    assert (node.input_type, node.start_dim, node.end_dim) == ({"input": None}, 1, -1)


def test_types_stated_by_old_files_are_not_looked_at(tmp_path):
    stated = {"input_type": [7], "output_type": "nothing", "input_shape": [8.5]}
    assert_equal(read_changed(tmp_path, lif(), **stated), lif())


def test_other_forms_of_the_same_values(tmp_path):
    node = read_changed(tmp_path, lif(), type=np.bytes_(b"LIF"), tau=np.array([1, 2], ">f4"))
    assert node.tau.dtype == np.dtype("f4") and node.tau.dtype.isnative and node.tau.tolist() == [1, 2]
    node = read_changed(tmp_path, conv2d(), stride=3.0, dilation=[1], padding=2, groups=[4], input_shape=7)
    assert (node.stride, node.dilation, node.padding) == ((3, 3), (1, 1), (2, 2))
    assert (node.groups, node.input_shape) == (4, (7, 7))
    node = read_changed(
        tmp_path, conv1d(), stride=[3], dilation=[2], padding=[1], groups=[1], input_shape=[8]
    )
    assert [type(n) for n in (node.stride, node.dilation, node.padding, node.groups, node.input_shape)] == [
        int
    ] * 5
    node = read_changed(tmp_path, NODES["SumPool2d"], kernel_size=3)
    assert_equal(node.kernel_size, np.array([3, 3]))
    path = written(tmp_path, chain(n=lif()), put(edges=np.array([["in", "n"], ["n", "out"]], "S3")), "node")
    assert read_graph(path).edges == [("in", "n"), ("n", "out")]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_single_values_become_the_shape_of_the_others(tmp_path, shape):
    node = read_changed(tmp_path, lif(), v_threshold=np.full(shape, 3.0), v_reset=None)
    assert node.v_threshold.tolist() == [3, 3] and node.v_reset.tolist() == [0, 0]
    node = read_changed(tmp_path, NODES["CubaLIF"], w_in=np.full(shape, 3.0))
    assert node.w_in.tolist() == [3, 3]
    node = read_changed(tmp_path, NODES["I"], r=np.full(shape, 3.0))
    assert_equal(node.r, np.full(shape or (1,), 3.0))
    node = read_changed(tmp_path, NODES["Scale"], scale=np.full(shape, 3.0))
    assert_equal(node.scale, np.full(shape or (1,), 3.0))
    node = read_changed(tmp_path, NODES["Affine"], bias=np.full(shape, 3.0))
    assert_equal(node.bias, np.array([3.0, 3.0]))
    node = read_changed(tmp_path, conv2d(), bias=np.full(shape, 3.0))
    assert_equal(node.bias, np.full(4, 3.0))


def test_axes_of_one_become_the_others(tmp_path):
    full = np.arange(1.0, 7).reshape(3, 2)
    node = read_changed(tmp_path, NODES["LI"], tau=full[:, :1], r=full, v_leak=full[:1])
    assert node.tau.tolist() == [[1, 1], [3, 3], [5, 5]] and node.v_leak.tolist() == [[1, 2]] * 3


@pytest.mark.parametrize("shape", [None, "text", [0], [[1, 2]], [2.5], np.zeros(0)])
def test_the_shape_of_an_output_may_be_anything(tmp_path, shape):
    path = written(tmp_path, chain(n=lif()), put(shape=shape), "node/nodes/out")
    assert read_graph(path).nodes["out"].output_type["output"].tolist() == [1]


NODE_FAULTS = [
    (lif(), {"type": None}, "node 'n' has no type"),
    (lif(), {"type": "Foo"}, "node 'n' has type 'Foo'; known are Input, Output, Affine, .*NIRGraph$"),
    (lif(), {"type": "Identity"}, "node 'n' has type 'Identity'; known are"),
    (lif(), {"type": 3}, r"node 'n' has type array\(3\)"),
    (lif(), {"type": np.ones((3, 40))}, "node 'n' has type array"),
    (lif(), {"type": ["LIF"]}, r"node 'n' has type \['LIF'\]"),
    (lif(), {"tau": None}, r"node 'n' \(LIF\): has no tau$"),
    (lif(), {"refractory": 3}, r"node 'n' \(LIF\): has a field 'refractory', unknown to LIF"),
    (lif(), {"metadata": 3}, r"node 'n' \(LIF\): metadata must be a group"),
    (lif(), {"tau": "fast"}, "tau must be numbers, not 'fast'"),
    (lif(), {"tau": np.zeros(0)}, r"tau \(0,\) holds no values"),
    (lif(), {"tau": [1, np.nan]}, "tau = nan must be finite"),
    (lif(), {"v_leak": [-np.inf, 1]}, "v_leak = -inf must be finite$"),
    (lif(), {"tau": [1, 0]}, "tau = 0 must be more than 0 s"),
    (NODES["CubaLI"], {"tau_syn": [-1.5, 1]}, "tau_syn = -1.5 must be more than 0 s"),
    (NODES["Delay"], {"delay": [-1e-3, 1]}, "delay = -0.001 must be 0 s or more"),
    (lif(), {"tau": [1, 2, 3]}, r"r \(2,\) does not fit tau \(3,\); give both one shape"),
    (lif(), {"tau": [[1, 2]]}, r"r \(2,\) does not fit tau \(1, 2\)|tau \(1, 2\) does not fit r \(2,\)"),
    (NODES["IF"], {"r": [[1], [2]], "v_threshold": [[1, 2]]}, "does not fit"),
    (NODES["Affine"], {"bias": None}, "has no bias; the type without one is Linear"),
    (NODES["Affine"], {"weight": [1, 2]}, r"weight \(2,\) must be \(out, in\)"),
    (NODES["Affine"], {"bias": [1, 2, 3]}, r"bias \(3,\) must be \(2,\)"),
    (conv1d(), {"weight": np.ones((2, 2))}, r"weight \(2, 2\) must have 3 axes"),
    (conv2d(), {"weight": np.ones((2, 2, 2))}, r"weight \(2, 2, 2\) must have 4 axes"),
    (conv2d(), {"bias": [[1, 2, 3, 4]]}, r"bias \(1, 4\) must be \(4,\)"),
    (conv2d(), {"groups": 3}, "groups = 3 does not divide its 4 outputs"),
    (conv2d(), {"groups": 0}, "groups = 0 must be a whole number from 1"),
    (conv2d(), {"groups": [1, 1]}, "groups has 2 numbers; it takes 1"),
    (conv2d(), {"stride": [1, 1.5]}, "stride = 1.5 must be a whole number from 1 to 2147483647"),
    (conv2d(), {"stride": [1, 2, 3]}, "stride has 3 numbers; it takes 2"),
    (conv1d(), {"stride": [1, 2]}, "stride has 2 numbers; it takes 1"),
    (conv2d(), {"dilation": np.nan}, "dilation = nan must be a whole number"),
    (conv2d(), {"dilation": 2**31}, "dilation = .* must be a whole number"),
    (conv2d(), {"padding": -1}, "padding = -1 must be a whole number from 0"),
    (conv2d(), {"padding": "full"}, "padding = 'full' must be 'same', 'valid' or numbers"),
    (conv2d(), {"padding": ["same", "same"]}, r"padding must be numbers, not \['same', 'same'\]"),
    (conv2d(), {"input_shape": [1, 2, 3]}, "input_shape has 3 numbers; it takes 2"),
    (NODES["SumPool2d"], {"kernel_size": [0, 1]}, "kernel_size = 0 must be a whole number from 1"),
    (NODES["AvgPool2d"], {"padding": "same"}, "padding must be numbers, not 'same'"),
    (NODES["Flatten"], {"start_dim": 0.5}, "start_dim = 0.5 must be a whole number"),
    (
        NODES["Flatten"],
        {"start_dim": 2, "end_dim": 0},
        r"start_dim = 2, end_dim = 0 are no axes of \(2, 3, 4\)",
    ),
    (NODES["Flatten"], {"end_dim": 3}, "end_dim = 3 are no axes"),
    (NODES["Input"], {"shape": None}, r"node 'n' \(Input\): has no shape"),
    (NODES["Input"], {"shape": [2, 0]}, "shape = 0 must be a whole number from 1"),
    (NODES["Input"], {"shape": np.zeros(0)}, "holds no values"),
    (NODES["Input"], {"shape": [[2]]}, r"shape must be a list .* it has shape \(1, 1\)"),
    (NODES["Input"], {"shape": [2**20, 2**20]}, r"shape = \(1048576, 1048576\) has more than 2147483647"),
    (NODES["Input"], {"shape": np.ones(17)}, "at most 16 numbers"),
]


@pytest.mark.parametrize("node, fields, message", NODE_FAULTS)
def test_a_node_that_is_not_what_it_must_be(tmp_path, node, fields, message):
    path = written(tmp_path, chain(n=node), put(**fields))
    with pytest.raises(BadInput, match=message) as caught:
        read_graph(path)
    assert str(caught.value).startswith(f"{path}: node 'n'") and str(caught.value).isprintable()


def test_a_node_of_a_nested_graph_is_named_with_it(tmp_path):
    path = written(tmp_path, chain(a=chain(b=lif())), put(tau=-1), "node/nodes/a/nodes/b")
    with pytest.raises(BadInput, match=r"g.nir: node 'a.b' \(LIF\): tau = -1 must"):
        read_graph(path)
    path = written(tmp_path, chain(a=chain(b=lif())), put(edges=None), "node/nodes/a")
    with pytest.raises(BadInput, match=r"g.nir: node 'a' \(NIRGraph\): has no edges"):
        read_graph(path)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"edges": None}, "the graph: has no edges"),
        ({"nodes": None}, "the graph: has no nodes"),
        ({"nodes": 3}, "the graph: nodes must be a group"),
        ({"type": None}, "the graph has no type"),
        ({"type": "LIF"}, "holds a single LIF, not a graph"),
        ({"edges": "in"}, "the graph: edges must be pairs of names, not 'in'"),
        ({"edges": ["in", "n"]}, "the graph: edges must be pairs of names, not 'in'"),
        (
            {"edges": [["in", "n", "out"]]},
            r"the graph: edges must be pairs of names, not \['in', 'n', 'out'\]",
        ),
        ({"edges": [[0, 1], [1, 2]]}, "the graph: edges must be pairs of names, not array"),
        ({"edges": [["in", "n\n"]]}, r"the graph: edges must be pairs of names, not \['in', 'n\\n'\]"),
        ({"edges": [["in", "n" * 256]]}, "the graph: edges must be pairs of names"),
        ({"edges": [["in", "n"], ["n", "out"], ["in", "n"]]}, "the graph: edge in -> n stands twice"),
        ({"edges": np.array([[b"in", b"\xff"]])}, r"/node/edges holds b'\\xff', which is not UTF-8"),
    ],
)
def test_a_graph_that_is_not_what_it_must_be(tmp_path, fields, message):
    path = written(tmp_path, chain(n=lif()), put(**fields), "node")
    with pytest.raises(BadInput, match=f"g.nir: {message}"):
        read_graph(path)


def test_edges_that_end_nowhere_are_left_to_the_graph(tmp_path):
    path = written(tmp_path, chain(n=lif()), put(edges=[["in", "gone"]]), "node")
    assert read_graph(path).edges == [("in", "gone")]


def test_graphs_may_be_nested_sixteen_deep(tmp_path):
    graph = chain(n=lif())
    for _ in range(15):
        graph = chain(g=graph)
    read_graph(written(tmp_path, graph, where="node"))
    with pytest.raises(BadInput, match=r"node 'g(\.g){15}' \(NIRGraph\): is nested deeper than 16 graphs"):
        read_graph(written(tmp_path, chain(g=graph), where="node"))


def outside(group, name, **how):
    (folder := Path(group.file.filename).parent).joinpath("secret").write_bytes(bytes(64))
    del group["tau"]
    if name == "external":
        group.create_dataset("tau", (2,), "f8", external=[(str(folder / "secret"), 0, 16)])
    else:
        layout = h5py.VirtualLayout((2,), "f8")
        layout[:] = h5py.VirtualSource(str(folder / "secret"), "x", (2,))
        group.create_virtual_dataset("tau", layout)


def replaced(name, make):
    """Return a change: `make` puts something else in place of a field."""

    def change(group):
        del group[name]
        make(group)

    return change


def nested(group):
    for _ in range(70):
        group = group.create_group("metadata")


HDF5_FAULTS = {
    "soft link": (replaced("tau", lambda g: put(tau=h5py.SoftLink("/node/nodes/n/r"))(g)), "n/tau is a link"),
    "external link": (put(tau=h5py.ExternalLink("other.nir", "/tau")), "n/tau is a link to another place"),
    "cycle": (
        lambda g: g.parent.__setitem__("again", g.file["node"]),
        "again is a group that stands in .* twice",
    ),
    "twice": (lambda g: g.parent.__setitem__("m", g), "/n is a group that stands in the file twice"),
    "external file": (lambda g: outside(g, "external"), "tau keeps its values in other files"),
    "virtual": (lambda g: outside(g, "virtual"), "tau keeps its values in other files"),
    "compound": (put(tau=np.zeros(2, [("a", "f8")])), r"tau holds dtype\(.*, neither numbers"),
    "complex": (put(tau=np.ones(2, complex)), "tau holds dtype.*complex128"),
    "long double": (put(tau=np.ones(2, np.longdouble)), "tau holds dtype"),
    "opaque": (put(tau=np.void(b"abc")), "tau holds dtype"),
    "reference": (
        lambda g: replaced("tau", lambda g: g.create_dataset("tau", data=g.ref))(g),
        "tau holds dtype",
    ),
    "ragged": (
        replaced("tau", lambda g: g.create_dataset("tau", (2,), h5py.vlen_dtype("f8"))),
        "tau holds dtype.*O",
    ),
    "nothing": (put(tau=h5py.Empty("f8")), "tau holds no values"),
    "named type": (put(tau=np.dtype("f8")), "tau is neither a group nor an array"),
    "bad text": (put(type=np.bytes_(b"L\xffF")), r"type holds b'L\\xffF', which is not UTF-8"),
    "name of two lines": (put(**{"a\nb": 1}), r"/n holds 'a\\nb'; a name must be printable"),
    "name not in UTF-8": (lambda g: g.__setitem__(b"a\xff", 1), r"/n holds b'a\\xff'; a name must"),
    "long name": (put(**{"a" * 256: 1}), "at most 255 long"),
    "deep groups": (nested, "is nested deeper than 64 groups"),
    "huge": (
        replaced("tau", lambda g: g.create_dataset("tau", (2**20, 2**20), "f8", chunks=(1, 1))),
        "n/tau: up to here the file's arrays take more than 8 GiB",
    ),
    "many chunks": (
        replaced("tau", lambda g: g.create_dataset("tau", (2**25,), "i1", chunks=(1,))),
        "n/tau: up to here the file has more than 1000000 groups",
    ),
}


@pytest.mark.parametrize("fault", HDF5_FAULTS)
def test_what_hdf5_can_do_and_a_graph_must_not(tmp_path, fault):
    change, message = HDF5_FAULTS[fault]
    path = written(tmp_path, chain(n=lif()), change)
    with pytest.raises(BadInput, match=f"^{path}: /node/nodes.*{message}") as caught:
        read_graph(path)
    assert str(caught.value).isprintable()


def test_the_limits_count_over_the_whole_file(tmp_path, monkeypatch):
    path = written(tmp_path, chain(**{f"n{i}": lif() for i in range(20)}), where="node")
    monkeypatch.setattr(hdf5_tree, "MAX_PARTS", 100)
    with pytest.raises(BadInput, match="has more than 100 groups"):
        read_graph(path)
    monkeypatch.undo()
    monkeypatch.setattr(hdf5_tree, "MAX_BYTES", 1000)
    with pytest.raises(BadInput, match="more than 9.3.*e-07 GiB"):
        read_graph(path)


def test_texts_are_read_one_at_a_time_where_all_may_be_long(tmp_path, monkeypatch):
    path = written(tmp_path, chain(n=lif()))
    whole = read_graph(path)
    monkeypatch.setattr(hdf5_tree, "MAX_BYTES", path.stat().st_size)
    assert_equal(read_graph(path), whole)


def test_what_is_no_nir_file(tmp_path):
    path = tmp_path / "g.nir"
    with pytest.raises(BadInput, match="g.nir: no such file"):
        read_graph(path)
    with pytest.raises(BadInput, match=": not a file"):
        read_graph(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(BadInput, match=r"not a readable NIR file \(empty\)"):
        read_graph(path)
    path.write_text("hello")
    with pytest.raises(BadInput, match=r"not a readable NIR file \(not HDF5\)"):
        read_graph(path)
    with h5py.File(path, "w") as file:
        file["weights"] = TWO
    with pytest.raises(BadInput, match="HDF5 without a group 'node'"):
        read_graph(path)
    with h5py.File(path, "a") as file:
        file["node"] = 3
    with pytest.raises(BadInput, match="HDF5 without a group 'node'"):
        read_graph(path)
    with pytest.raises(BadInput, match="cannot be read .File name too long"):
        read_graph(tmp_path / ("n" * 300))
    nir.write(path, lif())
    with pytest.raises(BadInput, match="holds a single LIF, not a graph"):
        read_graph(path)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "g.nir"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BadInput, match="a pickle is never opened, .* export the network to NIR"):
        read_graph(path)
    torch = pytest.importorskip("torch", reason="needs torch to save what is refused")
    for zipped in (True, False):
        torch.save({"weight": Bomb()}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(BadInput, match="a pickle is never opened"):
            read_graph(path)


def test_a_file_cut_short_says_so(tmp_path):
    path = written(tmp_path, chain(n=lif()))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInput, match="cut short, no readable NIR file"):
        read_graph(path)


def small(path: Path) -> bytes:
    graph = chain(a=NODES["Affine"], n=chain(l=lif()), c=conv2d(padding="same"))
    graph.metadata = {"dt": 1e-3}
    nir.write(path, graph)
    return path.read_bytes()


@pytest.mark.parametrize("size", [0, 256, 2**64 - 16])
def test_a_damaged_text_is_noticed(tmp_path, size):
    """With the last of these sizes HDF5 2.0 itself would never come back."""
    path = tmp_path / "g.nir"
    content = bytearray(small(path))
    text = content.index(b"NIRGraph", content.index(b"GCOL"))
    content[text - 8 : text] = size.to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(BadInput, match="damaged, no readable NIR file"):
        read_graph(path)


@pytest.fixture(scope="module")
def valid(tmp_path_factory) -> tuple[Path, bytes]:
    """A file and its content."""
    path = tmp_path_factory.mktemp("damage") / "g.nir"
    return path, small(path)


@drawn_damage
def test_a_damaged_file_is_a_graph_or_one_line(valid, flips, kept):
    path, content = valid
    path.write_bytes(damaged(content, flips, kept))
    try:
        graph = read_graph(path)
    except LavalierError as error:
        assert str(error).startswith(f"{path}: ") and str(error).isprintable()
        assert flips or kept < 1
    else:
        assert isinstance(graph, nir.NIRGraph)


@pytest.mark.parametrize(
    "change, difference",
    [
        (lambda g: None, None),
        (lambda g: g.nodes["n"].nodes["l"].tau.__setitem__(0, 9), "node 'n': node 'l': tau differs"),
        (lambda g: g.nodes["n"].edges.pop(), r"node 'n': edges are .* and .*"),
        (lambda g: setattr(g.nodes["c"], "padding", "valid"), "node 'c': padding differs"),
        (lambda g: setattr(g.nodes["c"], "padding", (1, 1)), "node 'c': padding differs"),
        (lambda g: setattr(g.nodes["c"], "stride", (1, 2)), "node 'c': stride differs"),
        (lambda g: setattr(g.nodes["c"], "input_shape", None), None),
        (lambda g: g.nodes["in"].input_type.update(input=ONE), "node 'in': shape differs"),
        (lambda g: g.nodes.pop("a"), "nodes are .* and .*"),
        (lambda g: g.nodes.update(a=lif()), "node 'a' is Affine and LIF"),
    ],
)
def test_the_first_difference_names_node_and_field(tmp_path, change, difference):
    small(tmp_path / "g.nir")
    a, b = read_graph(tmp_path / "g.nir"), read_graph(tmp_path / "g.nir")
    change(b)
    assert re.fullmatch(difference or "None", str(first_difference(a, b)))


def test_the_depth_of_graphs_is_reached_before_that_of_groups():
    assert 2 * nir_parsing.MAX_GRAPHS + 16 < hdf5_tree.MAX_LEVELS
