"""What was fetched, on the disk before it counts: one SQLite file per account.

`database` has its tables, `journal_file` opens it and sets a damaged one aside, `journal` asks and changes it,
`batch_writer` commits outcomes while requests run, `run_checkpoint` is what a run remembers to be resumed.
"""
