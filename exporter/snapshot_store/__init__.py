"""From answers to files people trust.

`journal` is the moment of truth: before it nothing has happened, after it nothing is asked again. `writer` makes
files with receipts, `destination` knows where snapshots live (a folder or an object store) and reveals them at
once, `manifest` is the proof, `reader` reads them again. `lock` keeps two runs apart, `retention` removes old
snapshots, `verify` finds damage and `changes` says what is different.
"""
