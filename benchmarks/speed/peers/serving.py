"""The peers' side of `benchmarks.peers.Peer`; it imports nothing of lavalier."""

import json
import os
import sys
from collections.abc import Callable


def serve(run: Callable[[int], list[float]]) -> None:
    """Run for every line of the input, which is a number of threads, and answer the hidden activity."""
    with os.fdopen(int(sys.argv[2]), "w") as answers:
        for line in sys.stdin:
            print(json.dumps(run(int(line))), file=answers, flush=True)
