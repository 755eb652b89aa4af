"""The application that commands register with."""

import typer

app = typer.Typer(
    help="Trained spiking networks for sound, on Loihi-class chips, without surprises.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
