"""Recognizers as ONNX and ``torch.export`` files, compared with the recognizer they are made of.

* ``scorer``: what is exported, a function from clips to scores.
* ``files``: writing a file, computing its outputs, and the comparison.
* ``model_card``: what a published model is, in the conventions of the hub.
"""
