"""Models as verified ONNX files."""
