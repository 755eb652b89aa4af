"""Drive the models of a built network in one process, without Lava's runtime.

Lava chooses and makes each model as for its runtime, and the step is the model's own `run_spk`; only the
channels differ: one message between two ports. A model that lacks a message is called again in the same
step: up to its first `recv` it only sends, and sends the same.
Source: Lava 0.10.0, lava/magma/compiler/{builders/py_builder,subcompilers/py/pyproc_compiler}.py.
"""

import gc
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..simulate.errors import LavaFailed


class NotYet(Exception):
    """Nothing was sent on a channel in this step."""


class Channel:
    """Both ends of a channel; Lava's holds integers of the sending port's type too.

    Its name is the receiving port's, by which Lava finds what turns and reshapes its messages.
    """

    def __init__(self, dtype: type, name: str) -> None:
        self.dtype, self.name = dtype, name
        self.message: np.ndarray | None = None

    def send(self, data: np.ndarray) -> None:
        """Put a message in."""
        self.message = data.astype(self.dtype)

    def recv(self) -> np.ndarray:
        """Return the message of this step."""
        if self.message is None:
            raise NotYet
        return self.message


def drive(processes: Sequence[Any], steps: int) -> Iterator[None]:
    """Take `steps` steps; yields after each.

    Parameters
    ----------
    processes : sequence of Lava's processes
        Those first that send before they receive.
    steps : int
        Lava's.

    Raises
    ------
    LavaFailed
        Models wait for each other's messages.
    """
    channels, models = _make(processes)
    for step in range(1, steps + 1):
        for channel in channels:
            channel.message = None
        left = models
        while left:
            again = [model for model in left if not _take_step(model, step)]
            if len(again) == len(left):
                raise LavaFailed("Lava failed: its models wait for each other")
            left = again
        yield


def forget() -> None:
    """Free what Lava keeps of networks that are done: every process, and a log handler for each."""
    from lava.magma.core.process.process import ProcessServer

    ProcessServer().reset_server()
    logging.getLogger().handlers.clear()
    gc.collect()
    gc.freeze()  # what is left are modules: the next search need not pass them


def _take_step(model: Any, step: int) -> bool:
    model.time_step = step
    try:
        model.run_spk()
    except NotYet:
        return False
    return True


def _make(processes: Sequence[Any]) -> tuple[list[Channel], list[Any]]:
    """Make the channels between the processes, and their models."""
    from lava.magma.core.process.ports.ports import create_port_id

    classes = {process.id: _model_class(process) for process in processes}
    ends = {(p.id, port.name): [] for p in processes for port in (*p.in_ports, *p.out_ports)}
    channels = []
    sent_by = {}
    for process in processes:
        for port in process.out_ports:
            for target in port.get_dst_ports():
                channel = Channel(getattr(classes[process.id], port.name).d_type, target.name)
                channels.append(channel)
                sent_by[channel] = create_port_id(process.id, port.name)
                ends[process.id, port.name].append(channel)
                ends[target.process.id, target.name].append(channel)
    return channels, [_model(process, classes[process.id], ends, sent_by) for process in processes]


def _model(
    process: Any,
    model_class: Any,
    ends: dict[tuple[int, str], list[Channel]],
    sent_by: dict[Channel, str],
) -> Any:
    """Let Lava's builder make a model: values and types as for its runtime, our channels."""
    from lava.magma.compiler.builders.py_builder import PyProcessBuilder
    from lava.magma.compiler.utils import PortInitializer, VarInitializer

    builder: Any = PyProcessBuilder(model_class, process.id, process.proc_params)
    builder.set_variables([VarInitializer(v.name, v.shape, v.init, v.id) for v in process.vars])
    ports = [*process.in_ports, *process.out_ports]
    turns: dict[str, Any] = {p.name: p.get_incoming_transform_funcs() for p in process.in_ports}
    builder.set_py_ports(
        [PortInitializer(p.name, p.shape, int, type(p).__name__, 1, turns.get(p.name, {})) for p in ports]
    )
    for port in process.in_ports:
        for channel in ends[process.id, port.name]:
            builder.add_csp_port_mapping(sent_by[channel], channel)
    builder.csp_ports = {p.name: ends[process.id, p.name] for p in ports}
    return builder.build()


_CLASSES: dict[type, Any] = {}


def _model_class(process: Any) -> Any:
    """Return the model that Lava's runtime would take; its search executes whole folders, so once a type."""
    from lava.magma.compiler.compiler_graphs import ProcGroupDiGraphs

    from .running import CONFIG

    kind = type(process)
    if kind not in _CLASSES:
        _CLASSES[kind] = CONFIG.select(process, ProcGroupDiGraphs._find_proc_models(process))
    return _CLASSES[kind]
