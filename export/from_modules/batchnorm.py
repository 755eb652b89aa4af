"""Batch normalisation folded into the Linear or Conv before it, where nobody else sees that layer."""

from collections.abc import Sequence

import nir
import numpy as np
from torch import nn

from .calls import Layer
from .connections import Connection
from .layers import Place
from .snn_fragments import Fragment, single
from .torch_layers import scale_and_shift


def fold_batch_norms(
    fragments: dict[str, Fragment], layers: dict[str, Layer], found: Sequence[Connection]
) -> tuple[dict[str, Fragment], list[Connection]]:
    """Return fragments and connections without the batch normalisations that could be folded.

    Parameters
    ----------
    fragments : {name: Fragment}
        Of every layer; a normalisation that stays is a layer of its own there.
    layers : {name: Layer}
        With the torch modules.
    found : sequence of Connection
        What runs from where to where.
    """
    fragments, found = dict(fragments), list(found)
    for name, layer in layers.items():
        if not isinstance(layer.module, (nn.BatchNorm1d, nn.BatchNorm2d)) or name not in fragments:
            continue
        into = [c for c in found if c.target == name]
        source = into[0].source
        alone = len(into) == 1 and len([c for c in found if c.source == source]) == 1
        node = next(iter(fragments[source].nodes.values()))
        plain = alone and into[0].lag == 0 and into[0].weight == 1 and layers[source].output == layer.input
        if not plain or not isinstance(node, (nir.Affine, nir.Conv1d, nir.Conv2d)):
            continue
        place = Place(name, layer.input, layer.output, 0)
        fragments[source] = single(
            fragments[source].entry, _folded(node, *scale_and_shift(layer.module, place))
        )
        del fragments[name]
        found = [c._replace(source=source) if c.source == name else c for c in found if c.target != name]
    return fragments, found


def _folded(node: nir.Affine | nir.Conv1d | nir.Conv2d, scale: np.ndarray, shift: np.ndarray) -> nir.NIRNode:
    weight = node.weight * scale.reshape(-1, *[1] * (node.weight.ndim - 1))
    bias = node.bias * scale + shift
    if isinstance(node, nir.Affine):
        return nir.Affine(weight, bias)
    fields = (node.stride, node.padding, node.dilation, node.groups, bias)
    return type(node)(node.input_shape, weight, *fields)  # type: ignore[arg-type]
