"""What `tidewatch doctor` finds: a check, how it came out, and what to do where it did not come out well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from tidewatch.aws.errors import ACCESS_DENIED_CODES, get_error_code
from tidewatch.registry import RegistryError

NOT_FOUND_CODES = ("NotFound", "NonExistent", "NoSuch", "404")


@dataclass(frozen=True)
class CheckResult:
    """One line. ok: as it should be; warn: unknown, or it may become a problem; fail: it does not work.

    remedy: what to do, "" where nothing is.
    """

    check: str
    state: Literal["ok", "warn", "fail"]
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """A check that was not made yet. permission: the action it needs, for whoever is denied it."""

    name: str
    run: Callable[[], Iterable[CheckResult]]
    permission: str = ""


def run_check(check: Check) -> Iterator[CheckResult]:
    """The findings of a check; what AWS does not tell is a warning."""
    try:
        yield from check.run()
    except ClientError as error:
        denied = get_error_code(error) in ACCESS_DENIED_CODES
        remedy = f"allow {check.permission}" if denied else "try again; if it stays, look up the sentence"
        yield CheckResult(check.name, "warn", f"cannot be told: {error}", remedy)
    except (BotoCoreError, RegistryError) as error:
        yield CheckResult(check.name, "warn", f"cannot be told: {error}", "mend that, then ask again")


def is_not_found(error: ClientError) -> bool:
    """Whether AWS says that there is no such thing: every service has a word of its own for that."""
    code = get_error_code(error)
    return any(word in code for word in NOT_FOUND_CODES) or "Could not find" in str(error)
