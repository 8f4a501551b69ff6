"""Keeping what was sampled: the journal while recording, the Parquet file afterwards."""
