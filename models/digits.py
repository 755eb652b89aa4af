"""The spoken-digit network: 40 bands of graded events in, the membrane of ten readout neurons out.

It knows nothing of sound (see `log_mel`), of training, or of chips.
"""

from pathlib import Path

import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn

from .log_mel import N_BANDS
from .neurons import Integrator

N_DIGITS = 10
# the first weights meet events of up to 255, the others meet spikes of 1
INPUT_SCALE = 1 / 64
SURROGATE_SLOPE = 5
MAX_BETA = 1 - 1 / 4096  # a decay has 12 bits; a beta of 1 would never forget


class DigitNet(nn.Module):
    """Two hidden layers of leaky integrate-and-fire neurons and an integrating readout.

    Per step: ``fc1 -> hidden1 -> fc2 -> hidden2 -> fc3 -> readout``, without delay between layers.
    Hidden neurons spike when the membrane exceeds 1 and start the next step from zero (`snn.Leaky`,
    reset "zero"); every neuron has a beta of its own.

    Parameters
    ----------
    n_in : int
        Bands.
    n_hidden : (int, int)
        Neurons of the two hidden layers.

    >>> net = DigitNet(n_hidden=(8, 6))
    >>> net(torch.zeros(2, 100, 40)).shape
    torch.Size([2, 100, 10])
    """

    def __init__(
        self,
        n_in: int = N_BANDS,
        n_hidden: tuple[int, int] = (128, 128),
    ):
        super().__init__()
        n1, n2 = n_hidden
        self.fc1 = nn.Linear(n_in, n1)
        self.hidden1 = _leaky(n1)
        self.fc2 = nn.Linear(n1, n2)
        self.hidden2 = _leaky(n2)
        self.fc3 = nn.Linear(n2, N_DIGITS)
        self.readout = Integrator(N_DIGITS)
        self._scale_weights()

    def _scale_weights(self):
        """Start with both hidden layers spiking at about a tenth of the steps."""
        with torch.no_grad():
            self.fc1.weight *= INPUT_SCALE
            self.fc2.weight *= 2
            for linear in (self.fc1, self.fc2, self.fc3):
                linear.bias.zero_()

    def forward(self, events: torch.Tensor) -> torch.Tensor:
        """Run all steps from rest.

        Parameters
        ----------
        events : float (batch, steps, n_in), whole numbers 0 to 255
            Graded events of `log_mel.log_mel_events`, not rescaled.

        Returns
        -------
        mem : float (batch, steps, 10)
            Membrane of the readout after every step; `readout.decide` turns it into classes.
        """
        spikes = _run_leaky(self.hidden1, self.fc1(events))
        spikes = _run_leaky(self.hidden2, self.fc2(spikes))
        return _run_integrator(self.readout, self.fc3(spikes))

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep every beta where a decay of 12 bits can hold it; called after every training step.

        Biases are free: kept too small to spike alone in silence, they cost more than a point of accuracy on
        recordings (FSDD, mean of three seeds: 97.6 against 99.2 %).
        """
        for cell in (self.hidden1, self.hidden2, self.readout):
            cell.beta.clamp_(0, MAX_BETA)

    def step_sizes(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return which parameters are trained in steps of which size."""
        first = list(self.fc1.parameters())
        others = [p for p in self.parameters() if all(p is not q for q in first)]
        return [(first, INPUT_SCALE), (others, 1.0)]


def load(path: str | Path) -> DigitNet:
    """Read a trained network; its sizes come from the file.

    Parameters
    ----------
    path : path
        A state_dict of `DigitNet`, written by `torch.save`.

    Raises
    ------
    ValueError
        The file is missing or damaged, or is not a state_dict of `DigitNet`; the message names file
        and key.
    """
    state = _read_state(path)
    differing = sorted(DigitNet().state_dict().keys() ^ state.keys())
    if differing:
        raise ValueError(f"{path}: not a DigitNet: key '{differing[0]}' is missing or unknown")
    n1, n_in = _rows_and_columns(path, state, "fc1.weight")
    n2, _ = _rows_and_columns(path, state, "fc2.weight")
    net = DigitNet(n_in, (n1, n2))
    for key, expected in net.state_dict().items():
        _check(path, key, state[key], expected)
    net.load_state_dict(state)
    return net.eval()


def _leaky(n):
    """A layer of LIF neurons with time constants spread over 5 to 100 steps."""
    return snn.Leaky(
        beta=torch.linspace(0.8, 0.99, n),
        threshold=1.0,
        learn_beta=True,
        reset_mechanism="zero",
        spike_grad=surrogate.fast_sigmoid(SURROGATE_SLOPE),
    )


def _run_leaky(leaky, x):
    """Call the cell once per step, in the order of time."""
    mem = torch.zeros_like(x[:, 0])
    spikes = []
    for x_t in x.unbind(1):
        spike, mem = leaky(x_t, mem)
        spikes.append(spike)
    # the cell keeps its last membrane, and with it the graph of the whole run
    leaky.reset_mem()
    return torch.stack(spikes, 1)


def _run_integrator(integrator, x):
    """Call the cell once per step, in the order of time."""
    mem = torch.zeros_like(x[:, 0])
    mems = []
    for x_t in x.unbind(1):
        mem = integrator(x_t, mem)
        mems.append(mem)
    return torch.stack(mems, 1)


def _read_state(path):
    """Read a dict of tensors, or say why not."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; expected the state_dict of a DigitNet") from None
    except Exception as error:  # torch.load lets through whatever a damaged file does to pickle
        raise ValueError(f"{path}: not a state_dict, or damaged ({type(error).__name__})") from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ValueError(f"{path}: not a state_dict: expected a dict of tensors")
    return state


def _rows_and_columns(path, state, key):
    """Shape of a weight; its rows are the layer's neurons."""
    shape = tuple(state[key].shape)
    if len(shape) != 2 or 0 in shape:
        raise ValueError(f"{path}: key '{key}' has shape {shape}, expected (n_out, n_in)")
    return shape


def _check(path, key, got, expected):
    """Refuse a tensor of another shape, and values that are not numbers."""
    if got.shape != expected.shape:
        raise ValueError(
            f"{path}: key '{key}' has shape {tuple(got.shape)}, expected {tuple(expected.shape)}"
        )
    if not torch.isfinite(got).all():
        raise ValueError(f"{path}: key '{key}' holds NaN or infinity")
