"""`python -m jobs` is `campaign-export`."""

from jobs.cli import main

if __name__ == "__main__":
    main()
