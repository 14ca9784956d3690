"""Floor 4: priors, calibration, ensembles, forecast scores, sensitivity and decisions."""
