"""Start a built network and run it to its end, or raise what went wrong in one of its processes.

Lava alone hangs where a process raises (lava-nc issues 178, 236, 247): its own words are fetched from
the process that has them.
"""

import time
from typing import Any

from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.runtime.mgmt_token_enums import MGMT_RESPONSE, enum_equal
from lava.proc.lif.process import LIFReset

from ..simulate.errors import LavaFailed
from .processes.models import RecordedLIFReset

POLL_S = 0.005
CONFIG = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map={LIFReset: RecordedLIFReset})


def start(process: Any) -> None:
    """Compile what `process` is connected to, and start Lava's processes."""
    # 64 messages in each channel, the default, fill a container's 64 MB of shared memory
    process.create_runtime(run_cfg=CONFIG, compile_config={"pypy_channel_size": 2})


def run_steps(process: Any, steps: int) -> None:
    """Run a started network for `steps` steps.

    Raises
    ------
    LavaFailed
        A process raised or died; the message names it and holds its error.
    """
    process.run(condition=RunSteps(steps, blocking=False))
    runtime = process.runtime
    while not _done(runtime):
        for name, actor in _actors(runtime):
            _check(name, actor)
        time.sleep(POLL_S)


def _done(runtime: Any) -> bool:
    """Whether the last step was taken; an error in its place shows in the actor that had it."""
    return all(
        port.probe() and enum_equal(port.peek(), MGMT_RESPONSE.DONE) for port in runtime.service_to_runtime
    )


def _actors(runtime: Any) -> list[tuple[str, Any]]:
    names = [process.name for process in runtime._executable.proc_builders]
    actors = runtime._messaging_infrastructure.actors
    return list(zip(names + ["runtime service"] * len(actors), actors, strict=False))


def _check(name: str, actor: Any) -> None:
    alive = actor.is_alive()  # asked first: what it says comes before its end
    if actor.exception is not None:
        error, _ = actor.exception
        raise LavaFailed(f"Lava failed in '{name}': {type(error).__name__}: {error}")
    if not alive:
        raise LavaFailed(f"Lava failed in '{name}': its process died (exit code {actor.exitcode})")
