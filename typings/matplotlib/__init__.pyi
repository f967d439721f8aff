"""matplotlib, as far as it is used: its own types leave keyword arguments open."""
