"""What differs between two networks that should be the same, layer by layer, and why."""
