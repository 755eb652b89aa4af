"""How fast `fast` is: against peers, against the machine, and by itself."""
