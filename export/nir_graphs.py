"""NIR files in and out, with the policy that a NIR file itself does not fix."""

from pathlib import Path

import nir

from ..simulate.errors import LavalierError
from ..simulate.nir_file import read_graph, write_graph
from ..simulate.policy import choose, policy_of, state
from .completion import complete


def read(
    path: str | Path,
    preset: str | None = None,
    dt: float | None = None,
    reset: str | None = None,
    decay: str | None = None,
    compare: str | None = None,
    order: str | None = None,
    recurrent_bias: str | bool | None = None,
    output_lag: int | None = None,
    gain: str | None = None,
    spikes: str | None = None,
) -> nir.NIRGraph:
    """Read a NIR graph, checked, with an explicit policy.

    What is not given comes from the preset, then from the file's metadata, then from the defaults:
    forward Euler with dt 1e-4 s, u before v, v > threshold, reset to v_reset.

    Parameters
    ----------
    path : str or Path
        An HDF5 file in NIR's format.
    preset : "snntorch", "norse", "spyx", "sinabs", "rockpool" or "lava-dl", optional
        A framework's convention (`simulate.policy.PRESETS`).
    dt : float, seconds, optional
        Duration of a step.
    reset, decay, compare, order, recurrent_bias, output_lag, gain, spikes : optional
        As the attributes of `simulate.policy.Policy`; reset = "v_reset" is "zero", recurrent_bias =
        True is "kept" and False "dropped".

    Returns
    -------
    nir.NIRGraph
        Parameters in full shape, true types at every node, the whole policy in the metadata. Where an
        older way of counting axes had to be understood, metadata["read_as"] says which.

    Raises
    ------
    BadInput, Unsupported
        Not a NIR file, a policy that does not exist, or not a graph that runs (see
        `simulate.network.network_of`); file, node and value are named.

    Source: nir 1.0.8; for the presets see `simulate.policy`.
    """
    graph = read_graph(path)
    try:
        policy = choose(
            graph,
            preset,
            dt=dt,
            reset=reset,
            decay=decay,
            compare=compare,
            order=order,
            recurrent_bias=recurrent_bias,
            output_lag=output_lag,
            gain=gain,
            spikes=spikes,
        )
        state(graph, policy)
        return complete(graph)
    except LavalierError as error:
        raise type(error)(f"{path}: {error}") from error


def write(graph: nir.NIRGraph, path: str | Path) -> None:
    """Write a NIR graph with its whole policy, atomically.

    Parameters
    ----------
    graph : nir.NIRGraph
        Its policy is what its metadata states, else the default.
    path : str or Path
        Replaced if it exists.

    Raises
    ------
    BadInput, Unsupported
        The graph does not hold together, or the file cannot be written.
    """
    complete_graph = complete(graph)
    state(complete_graph, policy_of(graph))
    write_graph(complete_graph, path)
