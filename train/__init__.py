"""How networks learn: data sets, augmentation, the training loop; importing it loads no torch."""
