"""Intel N-DNS: 30 s of speech in noise at 16 kHz.

`{training,validation}_set/{noisy,clean,noise}/`; `clean_fileid_<n>.wav` belongs to
`<clean>_<noise>_snr<k>_tl<k>_fileid_<n>.wav`.

Source: Intel N-DNS Challenge, noisyspeech_synthesizer.py of its repository.
"""

import re
from pathlib import Path

from ...simulate.errors import BadInput
from .pairs import Pair, PairSplits, matched

_FILE_ID = re.compile(r".*fileid_(\d+)")


def load_ndns(directory: str | Path) -> PairSplits:
    """Find the recordings of N-DNS; the set has no public test, so the validation set is `valid` and `test`.

    Parameters
    ----------
    directory : path
        Holds `training_set` and `validation_set`.

    Raises
    ------
    BadInput
        A folder is missing or empty, a name has no fileid, or a recording lacks its other half.
    """
    directory = Path(directory)
    train, valid = (_split(directory / f"{split}_set") for split in ("training", "validation"))
    return PairSplits(train, valid, valid, ("the validation set is scored on: the test set is not public",))


def _split(folder: Path) -> list[Pair]:
    noisy, clean = folder / "noisy", folder / "clean"
    for half in (noisy, clean):
        if not half.is_dir():
            raise BadInput(f"{half}: no such directory; N-DNS has it")
    return matched(noisy.glob("*.wav"), clean.glob("*.wav"), _file_id, str(folder))


def _file_id(path: Path) -> str:
    found = _FILE_ID.fullmatch(path.stem)
    if not found:
        raise BadInput(f"{path}: its name does not end in fileid_<n>")
    return found[1]
