"""The order in which the other packages work. One campaign ID on its way, file by file:

1. `pipeline/snapshot.py`: the main job, which reads like this list. The IDs come from `ids/ids_file.py`.
2. `pipeline/start.py`: with the destination locked (`workplace.py`) and the journal open (`journal/journal.py`),
   decide what is new, what is resumed, what was only left to finish; build the `Run` (`run_context.py`).
3. `fetch/list_pass.py`, where the list call is needed, and `pipeline/incremental.py`, where a base is carried over.
4. `fetch/worker_pool.py`: ask for the pending IDs. Each request goes through `fetch/client.py` (permit, token, send,
   classify), that is `ratelimit/limiter.py`, `api/http.py` and `api/classify.py`.
5. `journal/batch_writer.py`: the outcome is on the disk; from here on it is not asked for again.
6. `pipeline/finish.py`: count, refuse what must not be published (`may_publish.py`), publish, remove old snapshots.
7. `pipeline/publish.py`: rows to files (`snapshot_store/writer.py`, `tables/flatten.py`), the manifest last. `rebuild`
   enters here, with the answers of an old snapshot.

`pull_to_memory.py` is 4 alone, `plan.py` is 2 without the rest, `fleet.py` is all of it for many accounts,
`python_api.py` for programs. `event_relay.py` hands events to the listener, `cancellable_thread.py` keeps slow calls
out of the event loop.
"""
