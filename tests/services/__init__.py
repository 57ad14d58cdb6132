"""Real PostgreSQL, Redis and Chromium for the tests: found or installed, started as children, thrown away."""

from tests.services.browser import Chromium, chromium_with_home
from tests.services.finding import PROGRAMS, ServiceMissing, obtain
from tests.services.postgresql import Postgres, run_sql, start_postgres, supplied_or_own_postgres, template_setup
from tests.services.process import Process, ServiceFailed
from tests.services.redis_server import RedisServer, start_redis, supplied_or_own_redis

__all__ = [
    "PROGRAMS",
    "Chromium",
    "Postgres",
    "Process",
    "RedisServer",
    "ServiceFailed",
    "ServiceMissing",
    "chromium_with_home",
    "obtain",
    "run_sql",
    "start_postgres",
    "start_redis",
    "supplied_or_own_postgres",
    "supplied_or_own_redis",
    "template_setup",
]
