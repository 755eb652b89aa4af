"""VoiceBank-DEMAND: speech in noise at 16 or 48 kHz, `p232_001.wav`.

Official folders `{clean,noisy}_{trainset_28spk,testset}_wav` (also `..._wav_16k`), or
`{train,test}/{clean,noisy}`.

Source: Valentini-Botinhao 2017, DOI 10.7488/ds/2117, CC BY 4.0.
"""

from pathlib import Path

from ...simulate.errors import BadInput
from .pairs import Pair, PairSplits, matched

OFFICIAL = {"train": "trainset_28spk", "test": "testset"}
N_SPEAKERS = 28  # of the complete training set
HELD_OUT = {"p226", "p287"}  # its speakers that DPSNN validates on


def load_voicebank(directory: str | Path) -> PairSplits:
    """Find the recordings of VoiceBank-DEMAND.

    Validation is on two speakers of the complete training set; a smaller one is trained on whole, and
    `valid` is left empty for generated mixtures.

    Parameters
    ----------
    directory : path
        Holds the four folders.

    Raises
    ------
    BadInput
        A folder is missing or empty, or a recording lacks its other half.
    """
    directory = Path(directory)
    train, test = (_split(directory, split) for split in ("train", "test"))
    speakers = {_speaker(pair) for pair in train}
    if len(speakers) < N_SPEAKERS or not speakers >= HELD_OUT:
        few = f"{len(speakers)} of {N_SPEAKERS} speakers"
        note = f"{few} to train on: trains on all, validates on generated mixtures"
        return PairSplits(train, [], test, (note,))
    valid = [pair for pair in train if _speaker(pair) in HELD_OUT]
    note = f"validates on {' and '.join(sorted(HELD_OUT))}, {len(valid)} recordings"
    return PairSplits([pair for pair in train if _speaker(pair) not in HELD_OUT], valid, test, (note,))


def _split(directory: Path, split: str) -> list[Pair]:
    noisy, clean = (_folder(directory, split, half) for half in ("noisy", "clean"))
    return matched(noisy.glob("*.wav"), clean.glob("*.wav"), lambda path: path.stem, str(noisy.parent))


def _folder(directory: Path, split: str, half: str) -> Path:
    official = f"{half}_{OFFICIAL[split]}_wav"
    # resampled copies first: they are read without resampling
    for folder in (directory / split / half, directory / f"{official}_16k", directory / official):
        if folder.is_dir():
            return folder
    raise BadInput(f"{directory}: neither {split}/{half} nor {official} is in it")


def _speaker(pair: Pair) -> str:
    return pair.name.split("_")[0]
