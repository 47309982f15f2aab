"""The only rooms that know the order of the other rooms.

`fetch` is the worker pool: IDs in, outcomes out, paced and retried. `listing` is the list pass. `snapshot` is
the main job from IDs to a published snapshot, readable from top to bottom; `pull` the ad hoc one.
"""
