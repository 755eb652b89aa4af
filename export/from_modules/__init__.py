"""From a torch module to a NIR graph: follow a run, write the layers, join them, compare."""
