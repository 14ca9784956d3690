"""Compiling a step's scalar expressions with LLVM: eight draws in one vector, no call and no array in between."""
