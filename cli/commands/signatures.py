"""`tidewatch verify` and `tidewatch public-key`: who signed a version, what changed since, and with which key."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.aws_session import Session
from cli.commands.registry import RegistryStackOption
from cli.console import Console
from cli.errors import UserError
from cli.model_registry import open_registry, open_signer
from cli.outputs import read_stack_outputs
from cli.progress import ProgressBar
from cli.stack_config_file import StackConfigFile

if TYPE_CHECKING:
    from tidewatch.signatures import KmsSigner, PinnedKey

NO_KEY = "the stack {stack} has no signing key: set tidewatch:registry.signing to true and run `pulumi up`{alternative}"


def verify(
    version: Annotated[
        str, typer.Argument(metavar="NAME/VERSION", help="A version of the registry, for example flights/4.")
    ],
    stack: RegistryStackOption,
    public_key: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A public key to trust, PEM; may be given several times.")
    ] = None,
) -> None:
    """Checks the signature of a version and every byte of its files, and prints what was found.

    The exit code is 0 for a valid signature and 1 for any other. It trusts the keys given with `--public-key`, and else
    those that `tidewatch:governance.signatures` pins, which needs no KMS; without either it asks KMS for the stack's
    own key.
    """
    from tidewatch.signatures import read_every_byte, verify_version

    name, _, number = version.partition("/")
    if not name or not number or "/" in number:
        raise typer.BadParameter(f"{version!r} is not NAME/VERSION; write it like flights/4", param_hint="NAME/VERSION")
    session, outputs = Session(stack), read_stack_outputs(stack)
    registry = open_registry(outputs, session)
    if name != registry.name:
        raise UserError(f"the registry of the stack {stack} holds the model {registry.name}, not {name}")
    keys = _choose_keys(public_key or [], stack, lambda: open_signer(outputs, session))
    with ProgressBar(version) as progress_bar:
        report = verify_version(registry, number, keys, read_every_byte(registry, number, progress_bar))
    console = Console(highlight=False, soft_wrap=True)
    for fault in report.faults:
        console.print(f"{version}: {fault}")
    if report.faults:
        console.print(f"{version} has no valid signature: find out who wrote what it holds before you deploy it")
        sys.exit(1)
    signer = report.signed.key.label if report.signed else ""
    console.print(f"{version} is what was signed by the key {signer}")
    for file in report.files:
        console.print(f"  {file}")


def public_key(stack: RegistryStackOption) -> None:
    """Prints the public key of a stack's signing key as PEM, to be pinned or kept for `tidewatch verify`."""
    signer = open_signer(read_stack_outputs(stack), Session(stack))
    if signer is None:
        raise UserError(NO_KEY.format(stack=stack, alternative=""))
    print(signer.public_key.pem, end="")


def _choose_keys(
    files: Sequence[Path], stack: str, open_own_signer: Callable[[], KmsSigner | None]
) -> Sequence[PinnedKey]:
    """Returns the keys to trust. Raises UserError if a file holds none, or there are none at all."""
    from tidewatch.signatures import PinnedKey

    if files:
        return [_read_key(file) for file in files]
    if pinned := StackConfigFile.of(stack).load_settings().governance.signatures.pinned_keys:
        return pinned
    signer = open_own_signer()
    if signer is None:
        alternative = ", pin keys in tidewatch:governance.signatures, or give one with --public-key FILE"
        raise UserError(NO_KEY.format(stack=stack, alternative=alternative))
    return [PinnedKey(signer.public_key)]


def _read_key(file: Path) -> PinnedKey:
    from tidewatch.signatures import InvalidKey, PinnedKey, parse_public_key

    try:
        return PinnedKey(parse_public_key(file.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the public key {file}: {error}") from error
    except InvalidKey as error:
        raise UserError(f"{file}: {error}") from error
