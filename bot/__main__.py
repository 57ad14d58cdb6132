"""``python -m bot``: the commands of the operator."""

import gc
import sys

from bot.cli import read, run

if __name__ == "__main__":
    # What loading makes stays for good, so that looking for garbage in it, now or later, is a fifth of the start lost.
    gc.disable()
    arguments = read(sys.argv[1:])
    gc.freeze()
    gc.enable()
    raise SystemExit(run(arguments))
