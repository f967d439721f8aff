"""``python -m seqir`` is the command ``seqir``."""

from seqir.cli import main

if __name__ == "__main__":
    main()
