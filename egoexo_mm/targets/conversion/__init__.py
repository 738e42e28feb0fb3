"""Files that others released, turned into target stores."""

from .box_files import BoxesReport, convert_files

__all__ = ['BoxesReport', 'convert_files']
