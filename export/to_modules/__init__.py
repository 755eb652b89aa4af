"""From a NIR graph to a torch module: nodes as layers, wired with lags."""
