"""Cards: each asks its own questions, shows its own answer, and fails alone. One file a card."""
