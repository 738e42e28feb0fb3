"""Tables in pickled pandas DataFrames, read without pandas and without running code of the pickle.

EPIC-KITCHENS releases its annotations as csv and as such pickles. A pickle names functions and
calls them. Here the few pandas names of a plain table give inert records, from which the columns
are put together; :class:`egoexo_mm.untrusted.unpickler.RestrictedUnpickler` reads the numpy arrays.

Supported are pandas 0.23 to 3.1, pickle protocols 0 to 5, and columns of numbers, lists and texts
(also in pyarrow's layout, the default of pandas 3 with pyarrow). Categories, dates and other arrow
columns are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from egoexo_mm.untrusted import quote, shorten
from egoexo_mm.untrusted.pickle_parts import Standin
from egoexo_mm.untrusted.unpickler import RestrictedUnpickler

from .arrow_strings import arrow_buffer, arrow_chunks, arrow_strings, arrow_type

_MOST_ROWS, _MOST_COLUMNS = 10**8, 10**5
_ARGUMENTS = ('Index', 'RangeIndex', 'Int64Index', 'UInt64Index', 'Float64Index', 'StringArray')


class DataFrameColumns(NamedTuple):
    """A table: columns of equal length, the names of the rows, and the name of that index."""

    columns: dict[str, list]
    index: list
    index_name: str | None


class _Record(Standin):
    """Keeps its arguments and state; with ``__setstate__`` no pickle can set its attributes."""

    __slots__ = ('args', 'state')
    is_value = True

    def __new__(cls, *args: Any) -> _Record:
        record = super().__new__(cls)
        record.args, record.state = args, None
        return record

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Frame(_Record):
    """A DataFrame: state ``{'_mgr' or '_data': manager}``."""


class _Manager(_Record):
    """A BlockManager: arguments (blocks, axes), or a state with ``0.14.1`` before pandas 1.3."""


class _Strings(_Record):
    """A StringArray of pandas 3: state (dtype, object array)."""


class _ArrowStrings(_Record):
    """An ArrowStringArray of pandas 3: state ``{'_pa_array': texts, ...}``."""


class _Index(NamedTuple):
    values: Any
    name: Any


class _Block(NamedTuple):
    values: Any
    columns: Any


class _TableUnpickler(RestrictedUnpickler):
    """Admits the names in a pickled DataFrame beside those of numpy; pandas is never imported."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        # classes that only come as arguments of the functions below
        self._pandas: dict[str, Any] = {name: name for name in _ARGUMENTS}
        self._pandas.update(
            DataFrame=_Frame,
            BlockManager=_Manager,
            ArrowStringArray=_ArrowStrings,
            StringDtype=lambda *_: None,
            _new_Index=self._new_index,
            _unpickle_block=lambda values, columns, _ndim: _Block(values, columns),
            __pyx_unpickle_NDArrayBacked=self._strings,
        )
        self._others = {
            ('pyarrow.lib', '_restore_array'): arrow_strings,
            ('pyarrow.lib', 'chunked_array'): arrow_chunks,
            ('pyarrow.lib', 'type_for_alias'): arrow_type,
            ('pyarrow.lib', 'py_buffer'): arrow_buffer,
        }
        for module in ('builtins', '__builtin__'):
            self._others.update({(module, 'slice'): slice, (module, 'object'): 'object'})
        for module in ('copyreg', 'copy_reg'):
            self._others[module, '_reconstructor'] = self._reconstructor

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a pandas or pyarrow name; the base class answers for others."""
        if (module == 'pandas' or module.startswith('pandas.')) and name in self._pandas:
            return self._pandas[name]
        if (module, name) in self._others:
            return self._others[module, name]
        return super().find_class(module, name)

    def _reconstructor(self, kind: Any, _base: Any, _state: Any) -> _Record:
        if kind not in (_Frame, _Manager):
            raise ValueError(f'an object of type {quote(kind)} where a DataFrame was expected')
        return kind()

    def _new_index(self, kind: Any, parts: dict) -> _Index:
        if kind == 'RangeIndex':
            rows = range(parts['start'], parts['stop'], parts['step'])
            if len(rows) > _MOST_ROWS:  # a few bytes can name any number of rows
                raise ValueError(f'a table of {len(rows)} rows')
            return _Index(rows, parts['name'])
        return _Index(parts['data'], parts['name'])

    def _strings(self, kind: Any, _checksum: Any, state: Any) -> _Strings:
        if kind != 'StringArray':
            raise ValueError(f'an array of type {quote(kind)}')
        strings = _Strings()
        strings.state = state
        return strings


def read_dataframe_pickle(path: str | Path) -> DataFrameColumns:
    """Columns of a pickled DataFrame.

    Raises:
        ValueError: It holds anything else, asks for other code, is truncated, or is no pickle.
    """
    try:
        with open(path, 'rb') as file:
            return _columns(_TableUnpickler(file).load())
    except OSError as error:
        raise ValueError(f'{path}: cannot be read ({error}); give an annotation file') from None
    except Exception as error:  # whatever a damaged or hostile byte stream leads to
        reason = shorten(f'{type(error).__name__}: {error}')
        raise ValueError(
            f'{path}: not a pickle of a plain pandas DataFrame, or one that asks for code that is '
            f'not run ({reason}); give the csv of the same annotation instead'
        ) from None


def _columns(frame: Any) -> DataFrameColumns:
    if not isinstance(frame, _Frame):
        raise ValueError(f'it holds a {type(frame).__name__}')
    manager = frame.state['_mgr'] if '_mgr' in frame.state else frame.state['_data']
    if manager.state is None:
        blocks, axes = manager.args
    else:
        parts = manager.state[3]['0.14.1']
        axes = parts['axes']
        blocks = [_Block(block['values'], block['mgr_locs']) for block in parts['blocks']]
    names, index = _plain(axes[0].values), axes[1].values
    if not names:
        raise ValueError('it has no columns')
    index = index if isinstance(index, range) else _plain(index)
    found: dict[int, list] = {}
    for block in blocks:
        where = np.arange(len(names))[block.columns]
        values = _array(block.values)
        for column, cells in zip(where.tolist(), values.reshape(len(where), len(index))):
            found[column] = cells.tolist()
    if sorted(found) != list(range(len(names))) or len(set(names)) != len(names):
        raise ValueError('its blocks and column names do not match')
    columns = {name: found[i] for i, name in enumerate(names)}
    return DataFrameColumns(columns, list(index), axes[1].name)


def _plain(values: Any) -> list:
    if isinstance(values, range):
        if len(values) > _MOST_COLUMNS:
            raise ValueError(f'a table of {len(values)} columns')
        return list(values)
    return _array(values).tolist()


def _array(values: Any) -> np.ndarray:
    if isinstance(values, _ArrowStrings):
        return np.array(values.state['_pa_array'], object)
    return np.asarray(values.state[1] if isinstance(values, _Strings) else values)
