"""From an answer to rows. `columns` is the one table of columns; everything else here is driven by it.

Pure: no network, no files, no clock. No answer, however odd, makes `flatten` raise, and every leaf of an answer
is in its row: as a column, or in `extra`.
"""
