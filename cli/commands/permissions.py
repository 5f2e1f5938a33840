"""`tidewatch permissions`: the IAM policy of one of the roles that people work on a stack with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.aws_session import Session
from cli.errors import UserError
from cli.project import PROJECT
from cli.stack_config_file import StackConfigFile
from tidewatch.naming import build_name_prefix
from tidewatch.permissions import MAX_POLICY_LENGTH, PolicyVariables, build_policy_documents, load_roles


def permissions(
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="deployer, preview, publisher, operator, responder or reader.")
    ],
    stack: Annotated[str, typer.Option(help="The stack that the role is for.")],
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="The account; by default that of the credentials.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write each document into its own file, ROLE-1.json and on.")
    ] = None,
) -> None:
    """Prints a role's IAM policy for a stack as JSON, ready to attach; docs/permissions.md lists the roles.

    A policy larger than a managed policy may be comes as several documents, printed as a JSON list: attach all of them.
    """
    roles_by_name = load_roles()
    if role not in roles_by_name:
        raise UserError(f"there is no role {role!r}: the roles are {', '.join(roles_by_name)}")
    settings, session = StackConfigFile.of(stack).load_settings(), Session(stack)
    region = settings.region or session.region
    names = PolicyVariables(
        partition=boto3.Session().get_partition_for_region(region),
        account=account or _find_account(session),
        region=region,
        project=PROJECT,
        stack=stack,
        model=settings.model.name,
        stem=build_name_prefix(settings.model.name),
        volume_key=settings.endpoint.volume_key,
    )
    policies = build_policy_documents(roles_by_name[role], names)
    if len(policies) > 1:
        typer.echo(
            f"tidewatch: {len(policies)} documents, as a managed policy has at most {MAX_POLICY_LENGTH:,} characters: "
            f"attach all of them{'' if output else '; --output FOLDER writes each into its own file'}",
            err=True,
        )
    if output is not None:
        _write_policies(output, role, policies)
        return
    typer.echo(policies[0] if len(policies) == 1 else _format_list(policies))


def _format_list(policies: Sequence[str]) -> str:
    """Returns one JSON document: programs that read JSON refuse several in a row."""
    return json.dumps([json.loads(policy) for policy in policies], indent=2)


def _write_policies(folder: Path, role: str, policies: Sequence[str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, policy in enumerate(policies, start=1):
            path = folder / f"{role}-{number}.json"
            path.write_text(policy + "\n")
            typer.echo(str(path))
    except OSError as error:
        raise UserError(f"the policies cannot be written to {folder}: {error}") from error


def _find_account(session: Session) -> str:
    try:
        return str(session.client("sts").get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"the account is not known: {error}; name it with `--account ID`") from error
