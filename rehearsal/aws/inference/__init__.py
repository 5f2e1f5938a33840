"""The simulated model servers behind an endpoint: Triton with ONNX and LightGBM models."""
