"""The order in which the other packages work. One campaign ID on its way, file by file:

1. `jobs/snapshot.py` reads the options; `ids/ids_file.py` takes the ID from its row of the CSV (`ids/csv_rows.py`),
   `ids/campaign_ids.py` from its cell.
2. `pipeline/take_snapshot.py` is the main job and reads like this list. First `pipeline/start.py` decides what is new,
   what is resumed, what was only left to finish, with the destination locked (`destination_and_work_dir.py`) and the
   journal open.
3. `journal/journal.py` keeps the ID among the wanted ones. It stays pending, unless an outcome is there already or is
   carried over from a base (`incremental.py`, after the list pass).
4. `fetch/worker_pool.py` takes the ID from `fetch/work_queue.py` and asks `fetch/client.py`: a permit of
   `ratelimit/limiter.py`, a token of `api/auth.py`, the request of `api/endpoints.py`, sent by `api/http.py`, and
   `api/classify.py` says what the response means.
5. `journal/batch_writer.py` writes the outcome to the disk; from here on the ID is not asked for again.
6. `pipeline/end_of_run.py` counts, and refuses what must not be published.
7. `pipeline/publish.py` reads the response from the journal and gives it to `snapshot_store/writer.py`, which writes
   the rows that `tables/flatten.py` makes of it into the staging of `snapshot_store/local_folder.py`. The manifest
   (`snapshot_store/manifest.py`) comes last and makes them visible. `rebuild_snapshot.py` enters here, with the
   responses of an old snapshot.

`pull_to_memory.py` is 4 alone, `plan.py` is 2 without the rest, `fleet.py` is all of it for many accounts,
`python_api.py` for programs. `job_description.py` is what is asked for, `run_context.py` what a run works with.
`event_relay.py` hands events to the listener, `cancellable_thread.py` keeps slow calls out of the event loop.
`check.py` tries an account out (`check_findings.py`).
"""
