"""What connects layers: networks, the walks over them, how arrays enter and run."""
