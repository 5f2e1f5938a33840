"""`tidewatch permissions`: the IAM policy of one of the roles that people work on a stack with."""

from __future__ import annotations

from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.aws import Session
from cli.errors import UserError
from cli.outputs import PROJECT
from cli.stackfile import StackFile
from tidewatch.naming import stem
from tidewatch.permissions import LARGEST, Names, documents, roles


def permissions(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="deployer, preview, publisher, operator or reader.")],
    stack: Annotated[str, typer.Option(help="The stack that the role is for.")],
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="The account; else the one that the credentials are for.")
    ] = None,
) -> None:
    """Prints a role's IAM policy for a stack as JSON, ready to attach; docs/permissions.md tells what needs what.

    Where it is larger than a managed policy may be, several documents follow each other: attach all of them.
    """
    known = roles()
    if role not in known:
        raise UserError(f"there is no role {role!r}: the roles are {', '.join(known)}")
    settings, session = StackFile.of(stack).settings(), Session(stack)
    region = settings.region or session.region
    names = Names(
        partition=boto3.Session().get_partition_for_region(region),
        account=account or _account(session),
        region=region,
        project=PROJECT,
        stack=stack,
        model=settings.model.name,
        stem=stem(settings.model.name),
        volume_key=settings.endpoint.volume_key,
    )
    printed = documents(known[role], names)
    if len(printed) > 1:
        typer.echo(
            f"tidewatch: {len(printed)} documents, since a managed policy holds {LARGEST:,} characters: attach all",
            err=True,
        )
    for one in printed:
        typer.echo(one)


def _account(session: Session) -> str:
    try:
        return str(session.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"the account is not known: {error}; name it with `--account ID`") from error
