"""Pages: which cards, in which order. One file a page; no SQL and no arithmetic in here."""
