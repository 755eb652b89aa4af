"""Connections: their grids, their matrices, cases by hand, and what is refused."""

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from lavalier.simulate import LI, LIF, Conv, Dense, Input, Program, Sparse, fast, reference, with_delays
from lavalier.simulate.connections import CONNECTIONS
from lavalier.simulate.errors import BadInput, OutOfRange
from lavalier.simulate.policy import Policy
from lavalier.simulate.program_nir import to_nir
from lavalier.simulate.reference import ROWS
from lavalier.simulate.stateless import rule

from .programs import assert_equal, convs, pairs


def test_every_type_has_its_synapses_in_the_law():
    assert set(ROWS) == set(CONNECTIONS.values())


def rows_of(matrix: csr_array) -> list[list[tuple[int, int]]]:
    ends = matrix.indptr.tolist()
    stored = list(zip(matrix.indices.tolist(), matrix.data.tolist(), strict=True))
    return [stored[a:b] for a, b in zip(ends, ends[1:], strict=False)]


@given(st.data())
def test_the_matrix_is_the_law(data):
    n_in = data.draw(st.integers(1, 24))
    drawn = convs("a", (n_in,), "b") | pairs("a", n_in, "b", data.draw(st.integers(1, 9)))
    connection = data.draw(drawn)
    rows = ROWS[type(connection)](connection)
    assert rows_of(connection.matrix) == rows
    assert connection.shape == (len(rows), n_in)
    reached = [j for row in rows for j, _ in row]
    assert connection.fan_out.tolist() == [reached.count(j) for j in range(n_in)]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    "settings", [{}, {"stride": (2, 1), "padding": (0, 2)}, {"dilation": 2, "padding": 1}]
)
def test_a_convolution_is_nirs(groups, settings):
    """As the float interpreter computes nir.Conv2d, which is tested against torch."""
    rng = np.random.default_rng(0)
    weights = 2 * rng.integers(-128, 128, (4, 6 // groups, 3, 2))
    conv = Conv("a", "b", weights, input_shape=(6, 7, 8), groups=groups, **settings)
    node = nir.Conv2d(
        (7, 8), weights.astype(float), conv.stride, conv.padding, conv.dilation, groups, np.zeros(4)
    )
    x = rng.integers(0, 2, (3, 6, 7, 8))
    expected = rule(node, (6, 7, 8), Policy(), np.dtype(float))(x.astype(float))
    assert np.array_equal(conv.matrix @ x.reshape(3, -1).T, expected.reshape(3, -1).T)
    assert conv.windows == expected.shape[1:]


def test_a_convolution_by_hand():
    """One channel of 4 in, kernel (2, 4), stride 2, one zero at both ends: windows at -1, 1 and 3."""
    conv = Conv("in", "out", [[[2, 4]]], input_shape=(1, 4), stride=2, padding=1)
    assert conv.matrix.toarray().tolist() == [[4, 0, 0, 0], [0, 2, 4, 0], [0, 0, 0, 2]]
    program = Program({"in": Input((1, 4))}, {"out": LI((1, 3))}, [conv], ["out"])
    trace = fast.run(program, np.ones((1, 1, 1, 4), int), ("out",))
    assert trace.u["out"].tolist() == [[[[256, 384, 128]]]]
    assert trace.counts.syn_ops == {"in -> out": [4]}
    assert trace.counts.spikes_in == {"out": [4]}


def test_synapses_of_a_convolution_that_see_a_zero_at_the_edge_do_not_exist():
    conv = Conv("in", "out", np.full((1, 1, 3, 3), 2), input_shape=(1, 2, 2), padding=1)
    assert conv.fan_out.tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize(
    "bits, sign_mode, legal, illegal",
    [
        (8, "excitatory", [0, 1, 255], [-1, 256]),
        (8, "inhibitory", [0, -1, -255], [1, -256]),
        (7, "excitatory", [0, 2, 254], [1, 255, 256]),
        (1, "excitatory", [0, 128], [64, 256]),
        (1, "inhibitory", [0, -128], [-256]),
        (8, "mixed", [-256, 254], [-1, 255, 256]),
    ],
)
def test_the_grid_of_bits_and_signs(bits, sign_mode, legal, illegal):
    settings = {"num_weight_bits": bits, "sign_mode": sign_mode}
    assert Dense("a", "b", [legal], **settings).weights.tolist() == [legal]
    assert Sparse("a", "b", csr_array([legal]), **settings).matrix.toarray().tolist() == [legal]
    for weight in illegal:
        with pytest.raises(OutOfRange, match=f"a -> b.weights = {weight} is not a multiple of"):
            Dense("a", "b", [[weight]], **settings)
        with pytest.raises(OutOfRange, match=f"a -> b.weights = {weight} is not a multiple of"):
            Conv("a", "b", [[[weight]]], input_shape=(1, 1), **settings)


@pytest.mark.parametrize("message_bits", [0, 8, 24])
@pytest.mark.parametrize("sign_mode, weight", [("excitatory", 255), ("inhibitory", -255), ("mixed", -256)])
@pytest.mark.parametrize("form", [Dense, lambda a, b, w, **s: Sparse(a, b, csr_array(w), **s)])
def test_the_widest_sums(sign_mode, weight, message_bits, form):
    """300 channels of the largest weight, and beside them neurons that only a few reach."""
    weights = np.zeros((40, 300), int)
    weights[[0, 1, 17]] = weight
    weights[2:, :2] = weight
    for matrix in (weights, weights[:1]):
        program = Program(
            inputs={"in": Input((300,), message_bits)},
            populations={"a": LIF((len(matrix),), vth=100)},
            connections=(form("in", "a", matrix, sign_mode=sign_mode),),
            outputs=("a",),
        )
        x = np.full((2, 2, 300), program.inputs["in"].largest)
        assert_equal(fast.run(program, x, ("a",)), reference.run(program, x, ("a",)))


def test_each_synapse_with_its_own_delay():
    weights, delays = [[2, 4], [6, 0]], [[0, 1], [1, 5]]
    apart = with_delays(Dense("in", "out", weights, weight_exp=-1), delays)
    assert [c.name for c in apart] == ["in -> out", "in -> out +1"]
    program = Program({"in": Input((2,))}, {"out": LI((2,), dv=4096)}, apart, ["out"])
    x = np.zeros((1, 3, 2), int)
    x[0, 0] = 1
    assert (fast.run(program, x).output[0] // 64).tolist() == [[1, 0], [2, 3], [0, 0]]


def test_delays_that_do_not_fit():
    with pytest.raises(BadInput, match="a -> b: delays \\(2, 1\\) do not fit weights \\(1, 2\\)"):
        with_delays(Dense("a", "b", [[2, 2]]), [[1], [1]])
    with pytest.raises(OutOfRange, match="a -> b.delay = 63"):
        with_delays(Dense("a", "b", [[2]]), [[63]])
    with pytest.raises(OutOfRange, match="delay = 64"):
        with_delays(Dense("a", "b", [[2]], delay=2), [[62]])


def test_a_sparse_matrix_is_held_sorted_and_without_zeros():
    given = coo_array(([0, 4, 2], ([0, 1, 0], [0, 2, 1])), shape=(2, 3))
    held = Sparse("a", "b", given).weights
    assert held.indices.tolist() == [1, 2] and held.data.tolist() == [2, 4]
    with pytest.raises(ValueError, match="read-only"):
        held.data[0] = 6


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Sparse("a", "b", [[2]]), "must be a scipy.sparse matrix"),
        (lambda: Sparse("a", "b", coo_array(([2, 2], ([0, 0], [0, 0])))), "holds an entry twice"),
        (lambda: Sparse("a", "b", csr_array([[2j]])), "must be numbers"),
        (lambda: Dense("a", "b", [[2]], sign_mode="both"), "sign_mode = 'both' is none of mixed"),
        (lambda: Conv("a", "b", [[2]], input_shape=(1, 2)), "must be numbers \\(out, in, x\\) or"),
        (lambda: Conv("a", "b", [[[2]]], input_shape=(2, 2)), "do not take \\(2, 2\\)"),
        (lambda: Conv("a", "b", [[[2]]], input_shape=(1, 2, 2)), "do not take \\(1, 2, 2\\)"),
        (lambda: Conv("a", "b", [[[2, 2, 2]]], input_shape=(1, 2)), "a window of 3 does not fit into 2"),
        (lambda: Conv("a", "b", [[[2]]], input_shape=(1, 2), stride=0), "stride = 0 must be 1 whole"),
        (
            lambda: Conv("a", "b", [[[2]]], input_shape=(1, 2), padding=(1, 1)),
            "padding = \\(1, 1\\) must be 1",
        ),
        (lambda: Conv("a", "b", [[[2]]], input_shape=(1, 2), groups=2), "groups = 2 does not divide its 1"),
        (lambda: Conv("a", "b", np.zeros((0, 1, 1)), input_shape=(1, 2)), "hold nothing"),
        (lambda: Conv("a", "b", [[[2]]], input_shape=(1, -2)), "must be sizes of at least 1"),
    ],
)
def test_what_is_no_connection_is_one_clear_error(make, message):
    with pytest.raises(BadInput, match=message) as error:
        make()
    assert "a -> b" in str(error.value)


def test_nir_has_a_convolution_where_both_its_ends_have_axes():
    first = Conv("in", "a", np.full((2, 1, 2, 2), 2), input_shape=(1, 3, 4))
    second = Conv("a", "b", np.full((1, 2, 2), 2), input_shape=(2, 6))
    populations = {"a": LIF((2, 2, 3)), "b": LIF((1, 5)), "c": LI((3,))}
    joined = [first, second, Dense("b", "c", np.full((3, 5), 2))]
    graph = to_nir(Program({"in": Input((1, 3, 4))}, populations, joined, ["c"]))
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    # the second convolution takes another shape than the first gives
    assert kinds["in_to_a"] == "Conv2d"
    assert kinds["a_to_b"] == kinds["b_to_c"] == "Affine"
    assert kinds["a_to_b_flat"] == "Flatten"


def test_text_tells_their_forms():
    conv = Conv(
        "in", "a", np.full((2, 1, 2, 2), 2), input_shape=(1, 3, 4), stride=(1, 2), sign_mode="excitatory"
    )
    sparse = Sparse("a", "b", csr_array((2, 8), dtype=int))
    populations = {"a": LIF((2, 2, 2)), "b": LI((2,))}
    text = Program({"in": Input((1, 3, 4))}, populations, [conv, sparse], ["b"]).to_text()
    assert (
        "in -> a  conv 2x1x2x2 on 1x3x4 stride 1x2  weights 2 * 2^0  8 bits excitatory  32 synapses" in text
    )
    assert "a -> b  sparse 2x8  weights none * 2^0  8 bits  0 synapses" in text
