"""How good enhanced speech is. NumPy; STOI, PESQ and DNSMOS by the packages that define them."""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..simulate.errors import BadInput, NotAvailable

EPS = 1e-8


def si_snr(estimate: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Return the scale-invariant signal-to-noise ratio, dB.

    Both lose their mean first: an offset is not heard.

    Parameters
    ----------
    estimate, clean : float (..., n)
        Samples.

    Raises
    ------
    BadInput
        The shapes differ, or there are no samples.

    Source: as in DPSNN (Sun and Bohte, Neuromorph. Comput. Eng. 4(4) 044008, 2024).

    >>> clean = np.array([1.0, -1.0, 1.0, -1.0])
    >>> round(float(si_snr(3 * clean + 7 + 0.3 * np.array([1, 1, -1, -1]), clean)), 6)
    20.0
    """
    estimate, clean = (np.asarray(a, np.float64) for a in (estimate, clean))
    if estimate.shape != clean.shape or not clean.size:
        raise BadInput(f"an estimate {estimate.shape} cannot be scored against {clean.shape}")
    estimate, clean = (a - a.mean(axis=-1, keepdims=True) for a in (estimate, clean))
    share = np.sum(estimate * clean, axis=-1, keepdims=True) / (
        np.sum(clean**2, axis=-1, keepdims=True) + EPS
    )
    target = share * clean
    wrong = np.sum((estimate - target) ** 2, axis=-1)
    return 10 * np.log10(np.sum(target**2, axis=-1) / (wrong + EPS) + EPS)


def stoi(estimate: np.ndarray, clean: np.ndarray, rate: int) -> float:
    """Return the short-time objective intelligibility of one recording, 0 to 1; needs pystoi.

    Raises
    ------
    NotAvailable
        It is not installed.

    Source: Taal et al., IEEE Trans. Audio Speech Lang. Process. 19(7), 2011.
    """
    return float(_package("pystoi").stoi(clean, estimate, rate))


def pesq(estimate: np.ndarray, clean: np.ndarray, rate: int) -> float:
    """Return the wide-band PESQ of one recording at 16 kHz, 1 to 4.64; needs pesq.

    Raises
    ------
    NotAvailable
        It is not installed.
    BadInput
        Another rate, or nothing that it takes for speech.

    Source: ITU-T P.862.2.
    """
    if rate != 16000:
        raise BadInput(f"PESQ at {rate} Hz: the wide-band model takes 16000 Hz")
    package = _package("pesq")
    try:
        return float(package.pesq(rate, clean, estimate, "wb"))
    except package.PesqError as error:
        raise BadInput(f"PESQ: {str(error).strip(chr(39))}") from error


def dnsmos(estimate: np.ndarray, rate: int) -> float:
    """Return the overall DNSMOS P.835 of one recording at 16 kHz, 1 to 5; needs speechmos.

    It hears no clean speech. What is shorter than 9 s is repeated, what is above full scale made softer.

    Raises
    ------
    NotAvailable
        It is not installed.
    BadInput
        Another rate, or no samples.

    Source: Reddy et al., ICASSP 2022.
    """
    if rate != 16000 or not estimate.size:
        raise BadInput(f"DNSMOS of {estimate.size} samples at {rate} Hz: it takes some, at 16000 Hz")
    within = estimate / max(1.0, float(np.abs(estimate).max()))
    return float(_package("speechmos.dnsmos").run(within, rate)["ovrl_mos"])


def quality(estimate: np.ndarray, clean: np.ndarray, rate: int) -> dict[str, float]:
    """Return those of STOI, PESQ and DNSMOS whose packages are installed, by name."""
    known = {
        "pystoi": partial(stoi, estimate, clean),
        "pesq": partial(pesq, estimate, clean),
        "speechmos": partial(dnsmos, estimate),
    }
    return {score.func.__name__: score(rate) for package, score in known.items() if find_spec(package)}


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise NotAvailable(f"{name.split('.')[0]} is not installed: pip install 'lavalier[sound]'") from error
