"""``python -m barkstream_server`` is the command ``barkstream``."""

import sys

from barkstream_server.cli.main import main

# A spawned engine process imports this module again under another name.
if __name__ == "__main__":
    sys.exit(main())
