"""The thin gateway: admits, forwards, meters and records every model call, and waits for nothing else."""
