"""Arrays in, numbers out: statistics that know nothing of processes or sessions."""
