"""One file a provider: which paths are which API, how it wants its credential, how it words an error."""
