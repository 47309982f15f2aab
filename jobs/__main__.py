"""`campaign-export`, which is also `python -m jobs`."""

import signal


def main() -> None:
    """Run the program. Ctrl-C while it is imported ends it without a traceback; then `jobs.cli` handles signals."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored, and stays so
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from jobs import cli

    cli.main()


if __name__ == "__main__":
    main()
