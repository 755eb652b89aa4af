"""What a module does with its layers, found out on an example, and in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ...export.from_modules import own_layers, snn_layers, torch_layers  # noqa: F401, they register theirs
from ...export.from_modules.calls import Layer, LoopOutside
from ...export.from_modules.connections import Connection, connections, needed
from ...export.from_modules.moves import TimeFirst
from ...export.from_modules.provenance import INPUT, OUTPUT, Source, Step, Steps
from ...export.from_modules.runs import FAILURES, copied, inference
from ...export.from_modules.trace import FLOATS, Tracer
from ...models.neurons import Binary, Scale
from ...simulate.components import components
from ...simulate.errors import Unsupported
from .reading import read

# what treats every step alike: with a form in NIR, and without; other layers are not known to
IN_NIR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.AvgPool2d, Binary, Scale)
APART = (nn.modules.dropout._DropoutNd, nn.ReLU, nn.LeakyReLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.MaxPool2d)


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
    if any(p.device.type != "cpu" or p.dtype not in FLOATS for p in module.parameters()):
        raise Unsupported("its parameters are not float32 or float64 in the processor's memory")
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
    """Run a copy; return its layers, what it returned step by step, and the shape of a step."""
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
    """Return the loop from a layer of neurons to itself through a Linear layer, if there is one."""
    for last in found:
        path = _back(last, layers, found) if last.target == name else []
        if not path or path[-1].source != name:
            continue
        linear, *dropouts = [c.target for c in reversed(path[1:])] or [""]
        alone = all(sum(c.source == d.source for d in found) == 1 for c in path[:-1])
        plain = sum(c.lag for c in path) == 1 and all(c.weight == 1 for c in path) and len(dropouts) < 2
        known = linear and type(layers[linear].module) is nn.Linear
        if not (
            known and alone and plain and all(isinstance(layers[d].module, nn.Dropout) for d in dropouts)
        ):
            raise Unsupported(f"the loop of layer '{name}' is not a Linear layer to itself, one step later")
        starts = {source.layer for source in layers[name].given[0].terms}
        return Loop(linear, dropouts[0] if dropouts else None, last.source in starts)
    return None


def _back(last: Connection, layers: Mapping[str, Layer], found: Sequence[Connection]) -> list[Connection]:
    """Follow a connection back through layers without states, as long as each takes from one alone."""
    path = [last]
    while path[-1].source != INPUT and not layers[path[-1].source].has_states:
        into = [c for c in found if c.target == path[-1].source]
        if len(into) != 1:
            break
        path.append(into[0])
    return path


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
    elif not isinstance(layer.module, (*IN_NIR, *APART)):
        raise Unsupported(f"layer '{name}' ({type(layer.module).__name__}) has no fused form")
