"""The results of `tidewatch doctor`: a check, its state, and a remedy."""

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
    """One line of the output."""

    check: str
    state: Literal["ok", "warn", "fail"]
    """The state: ok is as it should be; warn is unknown, or may become a problem; fail does not work."""
    message: str
    remedy: str = ""
    """What to do; "" if nothing."""


@dataclass(frozen=True)
class Check:
    """A check that has not run yet."""

    name: str
    run: Callable[[], Iterable[CheckResult]]
    permission: str = ""
    """The IAM action that the check needs, for the remedy if it is denied."""


def run_check(check: Check) -> Iterator[CheckResult]:
    """Yields the results of a check; an error from AWS or the registry is a warning."""
    try:
        yield from check.run()
    except ClientError as error:
        denied = get_error_code(error) in ACCESS_DENIED_CODES
        remedy = f"allow {check.permission}" if denied else "try again; if the error stays, look it up"
        yield CheckResult(check.name, "warn", f"could not be checked: {error}", remedy)
    except (BotoCoreError, RegistryError) as error:
        yield CheckResult(check.name, "warn", f"could not be checked: {error}", "fix that, then run the check again")


def is_not_found(error: ClientError) -> bool:
    """Whether AWS's error means that the resource does not exist; every service has its own code for that."""
    code = get_error_code(error)
    return any(word in code for word in NOT_FOUND_CODES) or "Could not find" in str(error)
