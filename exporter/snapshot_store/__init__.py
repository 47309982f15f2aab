"""What is published: writing snapshots, reading them, removing old ones.

`open_destination` says what a path or URL names: a `destination`, which is a `local_folder` or an `object_store`
(`open_bucket`, `credential_files`, `store_errors`). `writer` writes the files of a snapshot, `manifest` says what they
are, `names` what they are called. `catalog` lists what is published, `choose_account_and_snapshot` chooses from it,
`reader` reads tables, `verify` finds damage. `cell_comparison` says when two cells differ, for `diff` and for `history`
with its `campaign_versions`. `retention` removes old snapshots. `lock` keeps two runs apart, `lock_without_flock` where
the file system has no locks.
"""
