"""Run as ``python -m clusterlb``."""

from clusterlb.cli.main import main

if __name__ == "__main__":
    main()
