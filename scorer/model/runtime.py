"""onnxruntime, which must be imported from here: from 1.32 on it reports its use to its vendor unless told not to.

It asks the environment once, when its library is loaded. Untold, it resolves a host of its vendor after some seconds,
keeps an identifier in the user's cache, and prints a warning where it cannot.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
