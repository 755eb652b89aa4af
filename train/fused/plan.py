"""What a module does with its layers, found out on an example: an order in which each runs all steps at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ...export.from_modules import snn_layers, torch_layers  # noqa: F401, they register their layers
from ...export.from_modules.calls import Layer, LoopOutside
from ...export.from_modules.connections import Connection, connections, needed
from ...export.from_modules.moves import TimeFirst
from ...export.from_modules.provenance import INPUT, OUTPUT, Source, Step, Steps
from ...export.from_modules.runs import FAILURES, copied, inference
from ...export.from_modules.trace import Tracer
from ...models.neurons import Binary
from ...simulate.components import components
from ...simulate.errors import Unsupported
from .reading import read

DROPOUT = (nn.modules.dropout._DropoutNd,)
# what treats every step alike; other layers without states are not known to
STEPWISE = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d, nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU,
    nn.GELU, nn.LayerNorm, Binary, *DROPOUT,
)  # fmt: skip
APART = (*STEPWISE[3:-len(DROPOUT)], *DROPOUT)


@dataclass(frozen=True)
class Loop:
    """Weights from a layer of neurons to itself, one step later.

    Attributes
    ----------
    linear : str
    dropout : str or None
        Behind it.
    from_first : bool
        Whether its bias acts in the first step, too.
    """

    linear: str
    dropout: str | None
    from_first: bool


@dataclass(frozen=True)
class Place:
    """A layer in the order.

    Attributes
    ----------
    name : str
    sources : tuple of Connection
        Outside of its loop.
    input, output : tuple of int
        Shapes in one step.
    loop : Loop or None
    """

    name: str
    sources: tuple[Connection, ...]
    input: tuple[int, ...]
    output: tuple[int, ...]
    loop: Loop | None


@dataclass(frozen=True)
class Plan:
    """The order of the layers, and what is returned."""

    places: tuple[Place, ...]
    output: tuple[Connection, ...]
    shape: tuple[int, ...]


def plan_of(module: nn.Module, x: torch.Tensor) -> Plan:
    """Find out what a module does.

    Parameters
    ----------
    module : nn.Module
        Left as it is.
    x : float (batch, steps, *shape)
        A short example.

    Raises
    ------
    Unsupported
        It does something that has no fused form; the message says what.
    """
    if any(part._forward_hooks or part._forward_pre_hooks for part in module.modules()):
        raise Unsupported("a layer has hooks, which would not be called")
    layers, output, shape = _followed(module, x, training=False)
    found = needed(connections(layers, output))
    if module.training:
        again, output_again, _ = _followed(module, x, training=True)
        if needed(connections(again, output_again)) != found:
            raise Unsupported("forward does something else in training")
    used = {c.target for c in found} - {OUTPUT}
    loops = {name: _loop(name, layers, found) for name in used if layers[name].has_states}
    inside = {part for loop in loops.values() if loop for part in (loop.linear, loop.dropout)}
    outside = [c for c in found if c.target not in inside and c.source not in inside]
    places = []
    for name in _order(used - inside, outside):
        layer = layers[name]
        _check(name, layer)
        sources = tuple(c for c in outside if c.target == name)
        places.append(Place(name, sources, layer.input, layer.output, loops.get(name)))
    return Plan(tuple(places), tuple(c for c in outside if c.target == OUTPUT), shape)


def _followed(
    module: nn.Module, x: torch.Tensor, training: bool
) -> tuple[dict[str, Layer], Sequence[Step], tuple[int, ...]]:
    """Run a copy on the example; return its layers, what it returned step by step, and the shape of a step."""
    single_use = copied(module, torch.float64).train(training)
    tracer = Tracer(single_use, torch.float64, apart=APART)
    given = x.double().clone()
    try:
        with inference(torch.float64), tracer:
            steps = tuple(Step({Source(INPUT, "x", t): 1.0}) for t in range(x.shape[1]))
            tracer.known.tag(given, Steps(1, steps))
            result = single_use(given)
            value = tracer.known.of(result) if isinstance(result, torch.Tensor) else None
    except FAILURES as error:
        raise Unsupported(f"the module does not run on an example: {error}") from error
    except (LoopOutside, TimeFirst) as error:
        raise Unsupported(str(error) or "forward takes (steps, batch, ...)") from error
    if not isinstance(value, Steps) or value.axis != 1 or value.joined or len(value.steps) != x.shape[1]:
        raise Unsupported("forward does not return (batch, steps, ...)")
    return tracer.layers, value.steps, tuple(result.shape[2:])


def _loop(name: str, layers: Mapping[str, Layer], found: Sequence[Connection]) -> Loop | None:
    """Return the loop from a layer of neurons to itself that leads through a Linear layer, if there is one."""
    for last in found:
        if last.target != name or last.source == INPUT:
            continue
        path, lag, at = [last.source], last.lag, last.source
        while at != name and not layers[at].has_states:
            into = [c for c in found if c.target == at]
            if len(into) != 1 or into[0].source == INPUT:
                break
            at, lag = into[0].source, lag + into[0].lag
            path.append(at)
        if at == name and path[-1] == name:
            linear, *dropout = path[-2::-1] or [""]
            kinds = tuple(type(layers[part].module) for part in path[-2::-1])
            alone = all(len([c for c in found if c.source == part]) == 1 for part in path[:-1])
            ways = [last, *(c for c in found if c.target in path[:-1])]
            plain = lag == 1 and alone and all(c.weight == 1 for c in ways)
            if not plain or kinds[:1] != (nn.Linear,) or not all(issubclass(k, nn.Dropout) for k in kinds[1:]) or len(kinds) > 2:
                raise Unsupported(f"the loop of layer '{name}' is not a Linear layer to itself, one step later")
            starts = {source.layer for source in layers[name].given[0].terms}
            return Loop(linear, dropout[0] if dropout else None, last.source in starts)
    return None


def _order(names: set[str], found: Sequence[Connection]) -> list[str]:
    """Return the layers, sources first."""
    edges = [(c.source, c.target) for c in found if c.source in names and c.target in names]
    parts = components(sorted(names), edges)
    for part in parts:
        if len(part) > 1 or (part[0], part[0]) in edges:
            raise Unsupported(f"layers {', '.join(part)} form a loop")
    return [part[0] for part in parts]


def _check(name: str, layer: Layer) -> None:
    """Refuse a layer that the kernels do not know."""
    if layer.has_states:
        read(layer.module, layer.output)
    elif not isinstance(layer.module, STEPWISE):
        raise Unsupported(f"layer '{name}' ({type(layer.module).__name__}) has no fused form")
