"""`python -m eqstream`: the command line."""

from eqstream.cli import main

if __name__ == "__main__":
    main()
