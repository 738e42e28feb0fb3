"""Recognizers as ONNX and ``torch.export`` files, compared with the recognizer they are made of.

* ``scorer``: what is exported, a function from clips to scores.
* ``files``: writing a file and computing its outputs.
* ``smaller``: float16 and int8 variants of an ONNX file.
"""
