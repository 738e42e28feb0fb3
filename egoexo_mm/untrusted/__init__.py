"""Readers of files of unknown origin: pickles, checkpoints, ``.npy``, JSON and XML.

None of them runs what a file asks for, and what they use of memory and time is bounded by the size
of the file.
"""

from .quoting import quote, quote_names, shorten

__all__ = ['quote', 'quote_names', 'shorten']
