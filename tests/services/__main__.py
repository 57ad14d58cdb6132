"""Brings what the tests need before they start, so that an install or a refusal comes first and once."""

import sqlite3
import sys

from tests.services import (
    PROGRAMS,
    ServiceFailed,
    ServiceMissing,
    chromium_with_home,
    obtain,
    supplied_or_own_postgres,
    supplied_or_own_redis,
)


def main() -> int:
    """Bring everything and name what was found; one sentence and 1 when something cannot be brought."""
    try:
        obtain(PROGRAMS)
        with supplied_or_own_postgres() as postgres, supplied_or_own_redis() as server, chromium_with_home() as browser:
            found = f"postgresql {postgres.version}, redis {server.version}, chromium {browser.version}"
            print(f"services: sqlite {sqlite3.sqlite_version}, {found}", flush=True)
    except (ServiceMissing, ServiceFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
