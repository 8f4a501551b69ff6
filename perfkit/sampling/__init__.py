"""Reading processes and the machine: clock, tree, system and the table of raw metrics."""
