"""What the numbers mean: pure functions and streams from blocks to rates, periods and figures."""
