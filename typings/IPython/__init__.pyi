"""IPython, as far as it is used: what a notebook shows."""
