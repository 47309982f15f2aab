"""One self-contained HTML page about a snapshot.

`facts` reads the snapshots, `compliance` says which campaigns break quiet hours or have no do-not-contact list, `page`
renders the template. Pure: `intervals` (minutes of a week), `quiet_hours`, `week_grid` (weekday by hour), `charts`
(geometry of the two bar charts).
"""
