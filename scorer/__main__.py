"""`python -m scorer` is the `scorer` command."""

from scorer.cli.app import main

if __name__ == "__main__":
    main()
