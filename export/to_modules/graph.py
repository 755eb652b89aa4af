"""A NIR graph as a torch module: its nodes' modules, run step by step as a plan says."""

from collections.abc import Mapping
from functools import reduce
from itertools import chain
from operator import add

import torch
from torch import nn

from ...models.neurons import Integrator
from ...simulate.errors import BadInput
from .wiring import Plan, Wire

Step = dict[str, torch.Tensor]


class SpikingGraph(nn.Module):
    """Layers joined as a graph is; it starts from rest in every call.

    Parameters
    ----------
    plan : Plan
        What runs when, and what it takes from where.
    layers : {node: nn.Module}
        A node without one passes on what arrives. The submodule is called as its node, "." as "_".
    """

    def __init__(self, plan: Plan, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._plan = plan
        self._names: dict[str, str] = {}
        for node, layer in layers.items():
            name = node.replace(".", "_")
            while hasattr(self, name):
                name += "_"
            self._names[node] = name
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor | Mapping[str, torch.Tensor]) -> torch.Tensor | Step:
        """Run all steps.

        Parameters
        ----------
        x : tensor (batch, steps, *shape), or {input name: tensor}
            Computed in the type of the parameters.

        Returns
        -------
        tensor (batch, steps, *shape), or {output name: tensor}

        Raises
        ------
        BadInput
            x does not fit the graph's inputs.
        """
        plan, inputs = self._plan, self._inputs(x)
        sent: dict[str, list[torch.Tensor]] = {name: [] for name in plan.outputs}
        past: list[Step] = []
        self.rest()
        for values in zip(*(inputs[name].unbind(1) for name in plan.inputs), strict=True):
            now = dict(zip(plan.inputs, values, strict=True))
            steps = [now, *past]
            for name in plan.order:
                now[name] = self._send(name, steps)
            for name in plan.outputs:
                sent[name].append(now[name])
            past = steps[: max(plan.longest, 1)]
        self.rest()
        outputs = {name: torch.stack(steps, 1) for name, steps in sent.items()}
        return outputs if len(outputs) > 1 else outputs[plan.outputs[0]]

    def rest(self) -> None:
        """Return all layers to rest; they keep no history of gradients then."""
        for layer in self.children():
            if hasattr(layer, "reset_mem"):
                layer.reset_mem()  # type: ignore[operator]

    def _send(self, name: str, steps: list[Step]) -> torch.Tensor:
        """Return what a node sends; `steps` are what all sent, this step first."""
        total = reduce(add, (self._carried(wire, steps) for wire in self._plan.wires[name]))
        layer = self._layer(name)
        if isinstance(layer, Integrator):
            return layer(total, steps[1][name] if len(steps) > 1 else torch.zeros_like(total))
        return total if layer is None else layer(total)

    def _carried(self, wire: Wire, steps: list[Step]) -> torch.Tensor:
        if wire.absent_first and len(steps) == 1:
            return self._zeros(wire.source, steps)
        return steps[wire.lag][wire.source] if wire.lag < len(steps) else self._at_rest(wire.source, steps)

    def _at_rest(self, name: str, steps: list[Step]) -> torch.Tensor:
        """Return what a node sends when nothing ever arrived: what biases give, else zeros."""
        if name not in self._plan.biased:
            return self._zeros(name, steps)
        total = reduce(add, (self._at_rest(wire.source, steps) for wire in self._plan.wires[name]))
        layer = self._layer(name)
        return total if layer is None else layer(total)

    def _layer(self, name: str) -> nn.Module | None:
        return self._modules[self._names[name]] if name in self._names else None

    def _zeros(self, name: str, steps: list[Step]) -> torch.Tensor:
        like = steps[0][self._plan.inputs[0]]
        return like.new_zeros(like.shape[0], *self._plan.shapes[name])

    def _inputs(self, x: torch.Tensor | Mapping[str, torch.Tensor]) -> Step:
        """Check x; return it by input."""
        names = self._plan.inputs
        given = dict(x) if isinstance(x, Mapping) else dict.fromkeys(names[:1], x)
        if sorted(given) != sorted(names):
            raise BadInput(f"inputs are {list(names)}, x has {list(given)}")
        for name, values in given.items():
            shape = self._plan.shapes[name]
            if values.dim() < 2 or values.shape[2:] != shape or not values.shape[1]:
                sizes = ", ".join(map(str, shape))
                raise BadInput(f"input '{name}': x is {tuple(values.shape)}, not (batch, steps, {sizes})")
        if len({values.shape[:2] for values in given.values()}) > 1:
            raise BadInput("all inputs must have the same batch and steps")
        return {name: self._cast(values) for name, values in given.items()}

    def _cast(self, values: torch.Tensor) -> torch.Tensor:
        """Return values in the type of the parameters; a float type where there are none."""
        numbers = (n for n in chain(self.parameters(), self.buffers()) if n.is_floating_point())
        like = next(numbers, None)
        return values.to(torch.result_type(values, 1.0) if like is None else like.dtype)
