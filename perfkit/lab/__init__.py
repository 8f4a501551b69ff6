"""The laboratory: small real programs whose faults are known, to be recorded and judged by."""
