"""Connects to PostgreSQL and puts its errors into the house's terms."""

import asyncio
import re
from typing import Any, Final, TypeAlias

import asyncpg

from bot.kernel.errors import BotError, Misconfigured
from bot.storage.errors import Contended, Duplicate, Immutable, StoreAway, StoreFault, Violated

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

CONNECT_SECONDS: Final = 10.0
# The server gives up first; ours is for a server that no longer answers at all.
_COMMAND_SECONDS: Final = 15.0
_STATEMENTS_KEPT: Final = 1024

# Times are in milliseconds, the unit of PostgreSQL's own settings.
_SETTINGS: Final = {
    "application_name": "scenepay",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "15000",
    # An acknowledged commit survives a crash of the server; other data would not need it, money does.
    "synchronous_commit": "on",
    "default_transaction_isolation": "read committed",
    "timezone": "UTC",
    "jit": "off",
}

# What the vendor's calls can raise besides a cancellation.
VENDOR_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
)
_REPEATABLE: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    # A migration ran beside us; the driver has dropped the old plan by now.
    asyncpg.InvalidCachedStatementError,
)
_WRONG_SETTINGS: Final = (
    asyncpg.InvalidPasswordError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ClientConfigurationError,
    ValueError,
)
_ARGUMENT: Final = re.compile(r"query argument (\$\d+)")


async def open_connection(dsn: str) -> Connection:
    """Connect. Raises StoreAway when the server does not answer and Misconfigured when it does not want us."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncpg.connect(
                dsn,
                command_timeout=_COMMAND_SECONDS,
                statement_cache_size=_STATEMENTS_KEPT,
                max_cached_statement_lifetime=0,
                server_settings=_SETTINGS,
            )
    except _WRONG_SETTINGS as error:
        raise Misconfigured(
            "database_refused",
            "check user, password and database name in DATABASE_URL",
            engine_code=getattr(error, "sqlstate", None) or type(error).__name__,
        ) from None
    except VENDOR_ERRORS as error:
        raise StoreAway(
            "store_away",
            "check that the PostgreSQL server of DATABASE_URL runs and can be reached",
            engine_code=getattr(error, "sqlstate", None) or type(error).__name__,
        ) from None


def is_lost(error: BaseException, connection: Connection) -> bool:
    """Tell whether the connection is gone, so that nobody knows how far the server came."""
    return isinstance(error, _LOST) or connection.is_closed()


def is_repeatable(error: BaseException) -> bool:
    """Tell whether the server undid the transaction for reasons that may be gone at the next try."""
    return isinstance(error, _REPEATABLE)


def translated(error: BaseException) -> BotError:
    """Return our error for the vendor's; its text stays behind where it can quote values of a row."""
    code: str = getattr(error, "sqlstate", None) or ""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return _refused(error)
    if isinstance(error, (*_REPEATABLE, asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)):
        return Contended("store_contended", engine_code=code)
    if isinstance(error, (*_LOST, asyncpg.InsufficientResourcesError)):
        return StoreAway("store_away", engine_code=code or type(error).__name__)
    if isinstance(error, asyncpg.DataError):
        argument = _ARGUMENT.search(str(error))
        return StoreFault("store_fault", f"a value does not fit {argument[1] if argument else 'its placeholder'}")
    if code.startswith("42") and isinstance(error, asyncpg.PostgresError):
        # Syntax and unknown names: the text speaks of the statement, not of its values.
        return StoreFault("store_fault", str(error.args[0]), engine_code=code)
    return StoreFault("store_fault", engine_code=code or type(error).__name__)


def _refused(error: Any) -> BotError:
    constraint = error.constraint_name or ""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Duplicate(constraint)
    if isinstance(error, asyncpg.RestrictViolationError) and error.args[0] == "immutable_row":
        return Immutable()
    if isinstance(error, asyncpg.NotNullViolationError):
        return Violated("not_null", f"{error.table_name}.{error.column_name}")
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        # SQLite does not say which; callers that run on both cannot rely on it.
        return Violated("foreign_key")
    return Violated("check", constraint)
