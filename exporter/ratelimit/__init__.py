"""How many requests may go, and when.

`sliding_window` is the rule of the rate limit, pure. `slot_backends` keeps it in memory or, through the `ledger`
(`ledger_file`), for all processes of the machine. Every request goes through the `limiter`: it waits for the
`circuit_breaker`, for the `rate_pause` after a 429, for `pacing` and for a slot. `adaptive_limit` learns a lower limit
from refusals. `retry` says when an ID is tried again, `estimate` how long it all takes, `usage_meter` what it has cost.
"""
