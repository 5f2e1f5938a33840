"""The section `governance` of the stack config: what a version must bring to be served."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from stacks.config import types as t
from stacks.config.types import Section

if TYPE_CHECKING:
    from tidewatch.signatures import PinnedKey


def _parse_pem(text: str) -> str:
    """Returns the key in the one form that its fingerprint is computed over."""
    # Imported only here, because it loads cryptography: most commands read the config and no key.
    from tidewatch.signatures import InvalidKey, parse_public_key

    try:
        return parse_public_key(text).pem
    except InvalidKey as error:
        raise ValueError(str(error)) from None


def _parse_moment(value: object) -> datetime:
    """Parses a moment; a date is its midnight, and without an offset it is UTC. YAML has parsed it if unquoted."""
    try:
        moment = datetime.fromisoformat(value.isoformat() if isinstance(value, date) else str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a moment; use one like 2027-01-01 or 2027-01-01T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Pem = Annotated[str, AfterValidator(_parse_pem)]
Moment = Annotated[datetime, BeforeValidator(_parse_moment)]


class PublicKeySettings(Section):
    """A key whose signatures count, for versions created from one moment until before another one."""

    pem: Pem = Field(description="the public key, as `tidewatch public-key` prints it")
    valid_from: Moment | None = Field(
        default=None, alias="from", description="the key counts for versions created from then; default: all"
    )
    valid_until: Moment | None = Field(
        default=None, alias="until", description="the key counts for versions created before then; default: all"
    )

    @model_validator(mode="after")
    def _require_period(self) -> PublicKeySettings:
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            t.raise_mistakes(
                [("until", f"{self.valid_until} is not after from, {self.valid_from}; use a later moment")]
            )
        return self


def _require_distinct(keys: tuple[PublicKeySettings, ...]) -> tuple[PublicKeySettings, ...]:
    if len({key.pem for key in keys}) < len(keys):
        raise ValueError("names a key twice; give each key one period")
    return keys


class SignatureSettings(Section):
    """Whether only signed versions are served, and whose signatures count."""

    required: bool = Field(
        default=False,
        description="whether `up` and `preview` refuse a version without a valid signature by one of `publicKeys`",
    )
    public_keys: Annotated[tuple[PublicKeySettings, ...], AfterValidator(_require_distinct)] = Field(
        default=(),
        description="the keys whose signatures count, each `{pem, from, until}`: a key counts for versions created "
        "from `from` until before `until` (docs/governance.md)",
    )

    @model_validator(mode="after")
    def _require_keys(self) -> SignatureSettings:
        if self.required and not self.public_keys:
            t.raise_mistakes(
                [
                    (
                        "publicKeys",
                        "is empty, so no signature would count; add the key that `tidewatch public-key` prints, like "
                        '[{pem: "-----BEGIN PUBLIC KEY-----..."}]',
                    )
                ]
            )
        return self

    @property
    def pinned_keys(self) -> tuple[PinnedKey, ...]:
        """The keys as the verification takes them."""
        from tidewatch.signatures import PinnedKey, parse_public_key

        return tuple(PinnedKey(parse_public_key(key.pem), key.valid_from, key.valid_until) for key in self.public_keys)


class GovernanceSettings(Section):
    """What a version must bring to be served."""

    signatures: SignatureSettings = Field(
        default=SignatureSettings(), description="whether only signed versions are served, and whose signatures count"
    )
