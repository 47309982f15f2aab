"""A local simulator of the campaign API: for trying things out without an account, and for tests.

In the order of a request: `server` (real sockets) gives it to `simulated_service` (credentials, rate limit, a log of
every arrival), which answers (`replies`) with one of the `samples`, a page of the `list_call`, or one of the `faults`.
`changes` is what a day brings, `change_simulator` asks a running simulator for it, `variables` has the settings that
reach it.
"""
