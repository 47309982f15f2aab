"""Sending requests: `open_engine` wires the parts for one account.

`worker_pool` takes IDs from the `work_queue` and asks the `client`; `service_health` tells a bad ID from a service that
fails. `list_pass` reads the list call, by the rules of `paging`.
"""
