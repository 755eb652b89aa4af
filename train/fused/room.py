"""Room for large results, in large pages where the system has them: small ones cost more than the work."""

import numpy as np
import torch


def room(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Return a tensor whose values are anything; NumPy asks for large pages, torch does not.

    >>> room((2, 3), torch.zeros(1, dtype=torch.float64)).dtype
    torch.float64
    """
    return torch.from_numpy(np.empty(shape, like.detach().numpy().dtype))
