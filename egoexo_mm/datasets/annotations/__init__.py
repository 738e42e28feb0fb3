"""Reading annotation files: tables (csv, pickled DataFrames), json, and the XML of 100DOH."""

from .tables import PICKLES, Row, check_unique, read_json_rows, read_table

__all__ = ['PICKLES', 'Row', 'check_unique', 'read_json_rows', 'read_table']
