"""`summary()`: the layers of a model and what they cost, as a table and as data."""
