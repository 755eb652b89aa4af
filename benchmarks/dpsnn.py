"""dpsnn: trained with one command and scored in floats and integers; streamed at its published size."""

import tempfile
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import torch

from lavalier import deploy
from lavalier.export.dpsnn import READOUT, hybrid, quantized
from lavalier.models.dpsnn import DPSNN, PUBLISHED, RATE
from lavalier.simulate import Hybrid, run
from lavalier.streaming import Streamed, stream_sound
from lavalier.train.dpsnn import train_dpsnn

from .measure import Disturbed, Figure, point, seconds

HOUR_S, PIECE_S = 3600, 1.0
SEED = 0
DISTURBED = 1.2  # times its own time that it may take; else something else had the processor


def accuracy(data: Path | None) -> Iterator[Figure]:
    """Train the medium network on what is beside the recordings of digits, or on generated mixtures."""
    pairs = None if data is None else data.parent / "voicebank"
    if pairs is None or not pairs.is_dir():
        pairs = data = None
    lava = None if deploy.missing("cpu") else deploy.run
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        found = train_dpsnn(out, pairs, data, lava=lava)
        model = Hybrid.load(out / "model")
    what = "embedded speech, generated mixtures" if pairs is None else "VoiceBank test files, unseen"
    unit = f"dB of SI-SNR, mean of {found['n_test']} recordings, {found['parameters']:,} weights; {what}"
    least = min(found["gains"]["float"])
    yield point("dpsnn.si_snr_gain", found["float"], unit, 5, "higher")
    yield point("dpsnn.si_snr_gain_least", least, unit.replace("mean", "least"), 0.5, "higher")
    yield point(
        "dpsnn.fixed_loss_db", found["float"] - found["fixed"], f"{unit}; 8-bit weights", 0.3, "lower"
    )
    lost = found["float"] - found["bit_true"]
    yield point("dpsnn.bit_true_loss_db", lost, f"{unit}; trained on in integers", 0.1, "lower")
    yield point("dpsnn.train_minutes", found["train_seconds"] / 60, "minutes in floats", 20, "lower")
    if found["lava_mismatches"] is not None:
        unit = "values of u, v, s that differ on a second of sound, Lava and fast"
        yield point("dpsnn.lava_mismatches", found["lava_mismatches"], unit, 0, "lower")
    yield from _speed(model)


def _speed(model: Hybrid) -> Iterator[Figure]:
    x = _noise(60)[None]
    trace = run(model, x)
    taken = seconds(lambda: run(model, x))
    unit = "synops a second of wall time, host part included, a minute of sound"
    yield point("dpsnn.synops_per_s", trace.counts.total("syn_ops") / taken, unit, None, "higher")


def stream(data: Path | None) -> Iterator[Figure]:
    """An hour of sound through the published size on one core."""
    torch.set_num_threads(1)
    model = _awake()
    piece, n = _noise(PIECE_S), round(HOUR_S / PIECE_S)
    held: list[int] = []  # KiB, by the process, after each piece

    def watch(streamed: Streamed) -> None:
        # not the peak, which benchmarks that ran before may have set higher
        held.append(int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]))

    begun = time.process_time()
    done = stream_sound(model, repeat((piece, RATE), n), lambda samples: None, watch)
    computed, said = time.process_time() - begun, done.to_json()
    if done.stream.taken.total_s > DISTURBED * computed:
        raise Disturbed(
            f"stream: {done.stream.taken.total_s:.0f} s passed while it computed {computed:.0f} s"
        )
    unit = "of the sound's time, 372,996 parameters, one core, an hour"
    yield point("stream.rtf", said["real_time_factor"], unit, 0.5, "lower")
    unit = "ms, 99 % of the 2.5 ms hops of an hour take at most that; one core"
    yield point("stream.hop_p99_ms", 1e3 * said["frame_p99_s"], unit, 2.5, "lower")
    unit = "KiB by which the process's memory grows from the 6th minute to the end of the hour"
    yield point("stream.growth_kib", held[-1] - held[n // 10], unit, 1024, "lower")


def _awake() -> Hybrid:
    """The published size, not trained, with spikes about as often as the published one: .5, .24, .09, .4."""
    torch.manual_seed(SEED)
    net = DPSNN(PUBLISHED).eval()
    assert net.separator.dense is not None
    with torch.no_grad():
        net.separator.taps *= 3
        net.separator.dense.weight *= 8
    made, _ = quantized(net, _noise(0.2)[None])
    return hybrid(net, made.program, made.choices[READOUT].scale)


def _noise(length_s: float) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    return (0.1 * rng.standard_normal(round(length_s * RATE))).astype(np.float32)
