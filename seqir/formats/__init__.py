"""Keras's files: how they are read with suspicion, and written whole.

``archive``, ``jsontext`` and ``hdf5`` read what a file is made of and trust nothing;
``objects`` and ``functions`` make layers of dictionaries; ``tree``, ``weights`` and
``legacy`` know where which weight is kept.
"""
