"""What other tools' model files have in common: formulas, declarations, arrays, and their way into a `Model`."""
