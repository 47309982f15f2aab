"""What commands share.

Starting a command: `command` (every command's frame), `lazy_imports`, `open_files`, `run_until_stopped`, `exit_codes`.
Options: `options` (the lists of them), `param_types` (their values), `declare_option` (line, environment, file) and
`config_file`.
What a command prints: `standard_streams`, `event_console` (events), `progress`, `summary`, `terminal_tables`,
`output_formats`, `copyable_commands`; and `metrics` for Prometheus.
Several accounts: `fleet_file`, `fleet_rows`, `fleet_dask`. `demo_state`: what `demo` leaves behind.
"""
