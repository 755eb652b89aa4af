"""A Ray cluster: this machine's processors, or one that runs already."""

import logging
import os

from ...simulate.errors import NotAvailable

RETRIES = 5  # of work whose worker died
TRIES = 3  # to start Ray here, for which it gives itself 30 s: not enough on a busy machine
QUIET = {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}


def connect(address: str | None) -> None:
    """Start Ray, or join a cluster.

    Raises
    ------
    NotAvailable
        Ray is not installed, or there is no cluster at the address.
    """
    os.environ.update(QUIET)
    try:
        import ray
    except ImportError as error:
        raise NotAvailable("Ray is not installed: pip install 'lavalier[sweep]'") from error
    if ray.is_initialized():
        return
    for left in reversed(range(TRIES)):
        try:
            ray.init(
                address=address or "local",
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            return
        except Exception as error:  # it has no type of its own for a cluster that does not come up
            ray.shutdown()
            if left == 0 or address:
                where = f"at {address}" if address else "on this machine"
                raise NotAvailable(f"no Ray cluster {where}: {str(error).splitlines()[0]}") from error
