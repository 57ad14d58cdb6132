"""``python -m bot``: the commands of the operator."""

from bot.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
