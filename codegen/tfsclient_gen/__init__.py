"""Typed clients for TensorFlow Serving models, generated from their signatures.

Data flows one way: a schema (``tfsclient.schema``, read by ``tfsclient.sources``), names claimed
(``names``), one language's view (``languages``), templates (``render``, ``quoting``), a mapping of
path to text (``generate``), and that mapping written or compared (``output``).
"""

from tfsclient_gen.generate import generate, left_out
from tfsclient_gen.target import LeftOut, Options

__all__ = ["LeftOut", "Options", "generate", "left_out"]
