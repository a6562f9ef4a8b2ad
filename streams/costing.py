"""From a finished call to its cost and its charges. Pure."""
