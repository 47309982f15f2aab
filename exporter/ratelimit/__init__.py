"""How fast, how often, when to stop.

`windows` is the promise about the limit, pure. `ledger` shares it between processes. `limiter` stands in front of
every request: it waits for a place, and closes for all workers when the service says so or is down. `retry` says
when an ID is tried again.
"""
