"""Metrics judged together, against what a learned baseline knows of how they go together.

Nothing of this runs without a learned baseline. Learning alone loads scikit-learn (`learning`).
"""
