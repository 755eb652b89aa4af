"""Vary events as speakers, rooms and microphones would: never the same clip twice."""

import torch
from torch.nn import functional

STRETCH = 0.12  # log of the tempo, either way
WARP = 0.06  # log of the vocal tract's length, either way
SHIFT_STEPS = (2.5, -7.0)  # earlier, later
SHIFT_BANDS = 0.6
GAIN = (-18.0, 10.0)  # events; 255 are the front end's range in decibels
TILT = 12.0  # events at the lowest and the highest band
NOISE = 12.0  # events, standard deviation
MASK = 8.0  # widest mask, in steps or bands


def augment(events: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Draw a variant of every clip.

    Tempo, onset and vocal tract stretch and shift the picture; gain, tilt and noise add to events
    that are there (events are logarithms), so that silence stays silent; one band of frequencies
    and one stretch of time are masked.

    Parameters
    ----------
    events : float (batch, steps, bands), 0 to 255
        Graded events of the front end.
    generator : torch.Generator
        Decides everything; equal states give equal variants.

    Returns
    -------
    events : float (batch, steps, bands), whole numbers 0 to 255

    Source: the masks, Park et al. 2019, SpecAugment, Interspeech, p. 2613-2617; the warp, Jaitly
    and Hinton 2013, vocal tract length perturbation, ICML workshop.

    >>> generator = torch.Generator().manual_seed(0)
    >>> augment(torch.zeros(2, 100, 40), generator).sum().item()
    0.0
    """
    _, n_steps, n_bands = events.shape
    drawn = _move(events, generator)
    band = torch.linspace(-1, 1, n_bands)
    change = _draw(events, *GAIN, generator) + _draw(events, -TILT, TILT, generator) * band
    change = change + _draw(events, 0, NOISE, generator) * torch.randn(events.shape, generator=generator)
    drawn = torch.where(drawn > 0, drawn + change, drawn)
    drawn = drawn * _mask(events, torch.arange(n_bands), generator)
    drawn = drawn * _mask(events, torch.arange(n_steps)[:, None], generator)
    return drawn.round().clamp(0, 255)


def _draw(events, low, high, generator):
    """One uniform number per clip (batch, 1, 1)."""
    return torch.rand(len(events), 1, 1, generator=generator) * (high - low) + low


def _move(events, generator):
    """Stretch and shift in time and frequency; what comes in from outside is silence."""
    _, n_steps, n_bands = events.shape
    zero = torch.zeros(len(events), 1, 1)
    tempo = torch.exp(_draw(events, -STRETCH, STRETCH, generator))
    warp = torch.exp(_draw(events, -WARP, WARP, generator))
    # in the picture's coordinates, -1 to 1 over all steps or bands; the first step and the lowest
    # band stay
    later = tempo - 1 + _draw(events, *SHIFT_STEPS, generator) * 2 / n_steps
    higher = warp - 1 + _draw(events, -SHIFT_BANDS, SHIFT_BANDS, generator) * 2 / n_bands
    rows = [torch.cat([warp, zero, higher], 2), torch.cat([zero, tempo, later], 2)]
    grid = functional.affine_grid(torch.cat(rows, 1), [len(events), 1, n_steps, n_bands], align_corners=False)
    return functional.grid_sample(events[:, None], grid, align_corners=False)[:, 0]


def _mask(events, positions, generator):
    """Zero over a drawn interval of `positions`, one elsewhere; it may begin before the first."""
    width = _draw(events, 0, MASK, generator)
    start = _draw(events, -MASK, float(positions.max()), generator)
    return ~((positions >= start) & (positions < start + width))
