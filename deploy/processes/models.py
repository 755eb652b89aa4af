"""What runs in Lava's processes: source, line, our own synapses and neuron, and the recorded stock neuron.

The stock neuron's arithmetic is Lava's own. The recorder writes u, v and s after each step into
memory-mapped files; Lava's own way, RefPorts, takes 2.5 times as long per step (measured).
"""
# pyright: reportAttributeAccessIssue=false, reportAssignmentType=false
# pyright: reportOptionalSubscript=false
# (Lava's decorators hide the classes behind them from type checkers)

from pathlib import Path

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import PyLifResetModelBitAcc
from lava.proc.lif.process import LIFReset

# absolute: Lava looks for models by executing this file outside its package
from lavalier.deploy.arithmetic import at_rest, take_step
from lavalier.deploy.processes.process import Line, OwnNeuron, OwnSynapses, Source
from lavalier.simulate.wide import deliver


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
class SourceModel(PyLoihiProcessModel):
    """Row t - 1 at step t."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self.rows = np.load(proc_params["path"], mmap_mode="r")
        self.silence = np.zeros(proc_params["size"], np.int32)

    def run_spk(self) -> None:
        """Send one row."""
        row = self.time_step - 1
        self.s_out.send(self.rows[row] if row < len(self.rows) else self.silence)


@implements(proc=Line, protocol=LoihiProtocol)
@requires(CPU)
class LineModel(PyLoihiProcessModel):
    """A ring of `wait + 1` rows."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self.rows = np.zeros((proc_params["wait"] + 1, proc_params["size"]), np.int32)
        self.offset, self.interval = proc_params["start"], proc_params["interval"]
        self.in_time = self.interval - proc_params["delay"]

    def run_spk(self) -> None:
        """Keep the row that comes, send the oldest."""
        row = self.s_in.recv()
        step = (self.time_step - 1 - self.offset) % self.interval
        self.rows[self.time_step % len(self.rows)] = row if step < self.in_time else 0
        self.s_out.send(self.rows[(self.time_step + 1) % len(self.rows)])


@implements(proc=OwnSynapses, protocol=LoihiProtocol)
@requires(CPU)
class OwnSynapsesModel(PyLoihiProcessModel):
    """Sends what the events of the step before give, as Lava's own synapses do."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self.weights, self.weight_exp = proc_params["weights"], proc_params["weight_exp"]
        self.graded = proc_params["graded"]
        self.waiting = np.zeros(self.weights.shape[0], np.int32)

    def run_spk(self) -> None:
        """Send, then receive: a loop of synapses would else wait for itself."""
        self.a_out.send(self.waiting)
        events = self.s_in.recv().astype(np.int64)
        if not self.graded:
            events = (events != 0).astype(np.int64)
        self.waiting = deliver(self.weights, self.weight_exp, events).astype(np.int32)


class Recorder:
    """u, v and s of one population, a row each step, and the clock that the guard reads."""

    def __init__(self, path: str, clock: str) -> None:
        self.u, self.v, self.s = (np.load(f"{path}.{x}.npy", mmap_mode="r+") for x in "uvs")
        self.clock = np.memmap(clock, np.int64, "r+", shape=(1,))

    def write(self, step: int, u: np.ndarray, v: np.ndarray, s: np.ndarray) -> None:
        """Write the row of a step, counted from 1."""
        self.u[step - 1], self.v[step - 1], self.s[step - 1] = u, v, s
        self.clock[0] = step


@implements(proc=LIFReset, protocol=LoihiProtocol)
@requires(CPU)
class RecordedLIFReset(PyLifResetModelBitAcc):
    """Lava's own `LIFReset`, written down after each of its steps."""

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        folder = Path(proc_params["recording"])
        self.recorder = Recorder(str(folder), str(folder.parent / "steps"))
        self.spikes = np.zeros(0, bool)

    def spiking_activation(self) -> np.ndarray:
        """Keep what the stock rule says: `run_spk` has no other trace of it."""
        self.spikes = super().spiking_activation()
        return self.spikes

    def run_spk(self) -> None:
        """Take the stock step, then record it."""
        super().run_spk()
        self.recorder.write(self.time_step, self.u, self.v, self.spikes)


@implements(proc=OwnNeuron, protocol=LoihiProtocol)
@requires(CPU)
class OwnNeuronModel(PyLoihiProcessModel):
    """`arithmetic.take_step`, written down after each step with what happened in it."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params) -> None:
        super().__init__(proc_params)
        self.kind, self.registers = proc_params["kind"], proc_params["registers"]
        self.size, self.interval = proc_params["size"], proc_params["interval"]
        self.offset = proc_params["offset"] % self.interval
        folder = Path(proc_params["recording"])
        self.recorder = Recorder(str(folder), str(folder.parent / "steps"))
        self.happened = np.load(f"{folder}.h.npy", mmap_mode="r+")
        self.state = at_rest(self.registers, self.size)

    def run_spk(self) -> None:
        """Take one step from what arrives."""
        a_in = self.a_in.recv().astype(np.int64)
        if self.time_step % self.interval == self.offset:
            self.state = at_rest(self.registers, self.size)
        taken = take_step(self.kind, self.registers, self.state, a_in)
        self.s_out.send(taken.sent.astype(np.int32))
        self.happened[self.time_step - 1] = taken.wrapped + 2 * taken.cut + 4 * taken.active
        self.recorder.write(self.time_step, self.state["u"], self.state["v"], taken.sent)
