"""ONNX Runtime with care: devices, opening a file, and the head of one without the onnx package."""
