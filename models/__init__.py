"""What the networks are: torch modules, host front ends, and small trained networks that ship."""
