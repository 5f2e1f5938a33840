"""The rehearsal's commands of `tidewatch`, as values: their modules are imported when a command is called."""

from cli.command_group import CommandDeclaration

_PANEL = "In a rehearsal that stays"
COMMANDS = (
    CommandDeclaration(
        "rehearse",
        "rehearsal.commands.rehearse:rehearse",
        "Deploys the program to a simulated AWS, serves real flights, promotes a canary and rolls it back.",
    ),
    CommandDeclaration(
        "up",
        "rehearsal.commands.deploy:up",
        "Deploys the program to the rehearsal that `tidewatch rehearse --stay` keeps, from its current stack file.",
        _PANEL,
    ),
    CommandDeclaration(
        "preview",
        "rehearsal.commands.deploy:preview",
        "Shows what `tidewatch up` would do to the kept rehearsal; changes nothing.",
        _PANEL,
    ),
    CommandDeclaration(
        "destroy",
        "rehearsal.commands.deploy:destroy",
        "Deletes the resources of the kept rehearsal, except retained ones; refuses to delete protected ones.",
        _PANEL,
    ),
)
