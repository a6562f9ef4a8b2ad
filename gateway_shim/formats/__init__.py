"""How each API words a request and an answer: what was asked, what was produced, where usage stands. One file an API."""
