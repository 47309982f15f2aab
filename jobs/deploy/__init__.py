"""Examples of running it for real: cron, systemd, Kubernetes, Compose. They are tested against the program."""
