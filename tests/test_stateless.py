"""Nodes without memory, against torch's own layers and by hand."""

import nir
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lavalier.simulate import run
from lavalier.simulate.errors import Unsupported

from .graphs import a, chain, one


def image(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # torch copies then
@given(
    seed=st.integers(0, 99),
    axes=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 3]),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.one_of(st.sampled_from(["same", "valid"]), st.tuples(st.integers(0, 2), st.integers(0, 2))),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 4)),
)
def test_convolutions_are_those_of_torch(seed, axes, groups, stride, dilation, padding, kernel):
    stride = (1,) * axes if padding == "same" else stride[:axes]
    dilation, kernel = dilation[:axes], kernel[:axes]
    padding = padding if isinstance(padding, str) else padding[:axes]
    weight, bias = image(seed, 6, 2, *kernel), image(seed, 6)
    x = image(seed, 2, 3, 2 * groups, *(9, 8)[:axes])
    kind, convolve = [(nir.Conv1d, torch.conv1d), (nir.Conv2d, torch.conv2d)][axes - 1]
    fields: list = [n if axes == 2 or isinstance(n, str) else n[0] for n in (stride, padding, dilation)]
    node = kind(None, weight, *fields, groups, bias)
    arrays = [torch.from_numpy(values) for values in (x, weight, bias)]
    expected = convolve(arrays[0].flatten(0, 1), *arrays[1:], stride, padding, dilation, groups).numpy()
    output = run(chain(node, shape=x.shape[2:]), x).output
    assert output.shape == (2, 3, *expected.shape[1:])
    assert np.allclose(output, expected.reshape(output.shape), rtol=1e-12, atol=1e-12)


@given(
    seed=st.integers(0, 99),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padded=st.booleans(),
)
def test_pools_are_those_of_torch(seed, kernel, stride, padded):
    padding = tuple(k // 2 if padded else 0 for k in kernel)
    x = image(seed, 2, 3, 2, 7, 6)
    flat = torch.from_numpy(x).flatten(0, 1)
    mean = torch.nn.functional.avg_pool2d(flat, kernel, stride, padding).numpy()
    window = [np.array(n) for n in (kernel, stride, padding)]
    output = run(chain(nir.AvgPool2d(*window), shape=(2, 7, 6)), x).output
    assert np.allclose(output.reshape(mean.shape), mean, rtol=1e-12, atol=1e-12)
    output = run(chain(nir.SumPool2d(*window), shape=(2, 7, 6)), x).output
    assert np.allclose(output.reshape(mean.shape), mean * np.prod(kernel), rtol=1e-12, atol=1e-12)


def test_a_convolution_in_pieces_is_the_whole(monkeypatch):
    node = nir.Conv2d(None, image(0, 4, 2, 3, 3), 1, 1, 1, 1, image(0, 4))
    x = image(1, 3, 5, 2, 6, 6)
    whole = run(chain(node, shape=(2, 6, 6)), x).output
    monkeypatch.setattr("lavalier.simulate.stateless.PATCH_BYTES", 5000)
    assert np.array_equal(run(chain(node, shape=(2, 6, 6)), x).output, whole)


@pytest.mark.parametrize(
    "start, end, shape", [(0, -1, (24,)), (1, -1, (2, 12)), (0, 1, (6, 4)), (1, 1, (2, 3, 4))]
)
def test_flatten_counts_no_batch_axis(start, end, shape):
    node = nir.Flatten({"input": np.array([2, 3, 4])}, start, end)
    x = image(0, 1, 2, 2, 3, 4)
    assert np.array_equal(run(chain(node, shape=(2, 3, 4)), x).output, x.reshape(1, 2, *shape))


def test_affine_and_linear_work_on_the_last_axis():
    node, x = nir.Affine(image(0, 3, 4), a(1.0)), image(1, 1, 2, 5, 4)
    assert np.allclose(run(chain(node, shape=(5, 4)), x).output, x @ node.weight.T + 1)


def test_threshold_and_scale():
    graph = chain(nir.Threshold(a(1.0)), nir.Scale(a(3.0)))
    trace = run(graph, one(1.0, 1.1, -2), record=["n"])
    assert trace.output[0, :, 0].tolist() == [0, 3, 0]
    assert trace.spikes["n"][0, :, 0].tolist() == [0, 1, 0] and not trace.v


def test_delay_by_element():
    graph = chain(nir.Delay(a(0.0, 0.1, 0.3)), shape=(3,))
    x = np.arange(1.0, 13).reshape(1, 4, 3)
    assert run(graph, x).output[0].T.tolist() == [[1, 4, 7, 10], [0, 2, 5, 8], [0, 0, 0, 3]]
    with pytest.raises(Unsupported, match=r"node 'n' \(Delay\): delay = 0.25 s is 2.5 steps of dt = 0.1 s"):
        run(chain(nir.Delay(a(0.25))), one(1))
