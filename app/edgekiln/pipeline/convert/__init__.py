"""The only room with TensorFlow: SavedModel or Keras -> frozen graph -> float `.tflite`."""

import os

# Read by TensorFlow and Keras when they are imported, so set before any module of this room is.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
