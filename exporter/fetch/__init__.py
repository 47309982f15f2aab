"""Sending requests: `open_engine` wires the parts for one account.

`worker_pool` takes IDs from the `work_queue` and asks the `client`; `service_health` says whether an ID or the
service fails. `list_pass` reads the list call, by the rules of `paging`.
"""
