"""The nouns of the domain: frozen values that the other rooms exchange."""
