"""One training step (forward, loss, backward) layer by layer, against snnTorch's loop and the bare products."""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import snntorch as snn
import torch
from snntorch import surrogate
from torch import nn
from torch.nn import functional

from lavalier.train.fused import Fused

from ..measure import ROUNDS, Figure, faster_of, ratio, times_in_turn
from .against import DENSITIES
from .networks import BATCH, BETA, SEED, STEPS, TUNED_ON, _linear, tune

SLOPE = 25  # snnTorch's
...
