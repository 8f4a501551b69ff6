"""Whether a command got slower: metrics, the sequential decision, what it could have found."""
