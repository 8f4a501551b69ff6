"""Actions: what could be done about what is foreseen. Nothing here acts."""
