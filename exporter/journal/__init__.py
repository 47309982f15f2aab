"""What was fetched, on the disk before it counts: one SQLite file per account, and the checkpoint of its run."""
