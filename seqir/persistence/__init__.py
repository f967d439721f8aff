"""Models and their weights in Keras's files and configurations, and back."""
