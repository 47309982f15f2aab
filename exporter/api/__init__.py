"""Everything that knows Kore.ai, and nothing else does.

`protocol` thinks (requests, answers, errors; no I/O), `auth` signs tokens, `http` sends.
"""
