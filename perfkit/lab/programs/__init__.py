"""The programs, one a file; each runs alone: `python -m perfkit.lab.programs.NAME --seed 1`.

They need the standard library and perfkit's SDK, and nothing else.
"""
