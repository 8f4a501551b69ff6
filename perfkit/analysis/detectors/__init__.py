"""Detectors of unusual values in one metric, one a file; `registry` lists them."""
