"""Questions to a session in SQL: the only place that knows DuckDB."""
