"""Dead letters at hand: list, show, put right, replay, dismiss."""
