"""From an API response to rows. `columns` is the one table of columns; everything else here is driven by it.

The way of a block of responses: `typed_decoder` reads the usual shape at once, `answer_walk` any other; `converters`
read the values (`calling_hours`, `timestamps`, `sms_text`, `weekdays`, `time_of_day`, `time_zones` know their
kinds); `flatten` puts the rows together, with what no other column takes (`extra_and_issue_columns`, `json_leaves`).
`arrow_schemas` has the schemas and the data dictionary.

Pure: no network, no files, no clock. No answer, however odd, makes `flatten` raise, and every leaf of an answer
is in its row: as a column, or in `extra`.
"""
