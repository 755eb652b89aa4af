"""Every error a user can cause, as one tree.

    LavalierError
    +-- BadInput       a file, array or option from outside is not what it must be
    +-- OutOfRange     a value does not fit the register it is meant for
    +-- Unsupported    a node, layer or graph that has no exact form here (yet)
    +-- Mismatch       two runs that must be equal are not
    +-- CannotWork     a network lost on its way to integers what it did in floats
    +-- DoesNotFit     a network that a device cannot hold
    +-- NotAvailable   a part that is not installed or not connected
    +-- LavaFailed     Lava raised, died or stood still; its own words are in the message

A message says where, what, the limit and the way out. The command line prints it as one line and exits 1.
"""


class LavalierError(Exception):
    """Base of all errors raised on purpose."""


class BadInput(LavalierError):
    """A file, array or option from outside is not what it must be."""


class OutOfRange(LavalierError):
    """A value does not fit the register it is meant for."""


class Unsupported(LavalierError):
    """A node, layer or graph has no exact form here."""


class Mismatch(LavalierError):
    """Two runs that must be equal are not."""


class CannotWork(LavalierError):
    """A network lost on its way to integers what it did in floats."""


class DoesNotFit(LavalierError):
    """A network that a device cannot hold."""


class NotAvailable(LavalierError):
    """A part is not installed or not connected."""


class LavaFailed(LavalierError):
    """Lava raised, died or stood still."""
