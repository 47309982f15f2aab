"""One self-contained page about a snapshot. `quiet_hours` is pure, `facts` reads the snapshots, `figures` draws, `page`
puts it together. Needs the extra `report`.
"""
