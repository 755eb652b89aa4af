"""Float training layer by layer: all steps of a layer at once, sparse inputs, compiled time."""

from .network import Fused

__all__ = ["Fused"]
