"""``socketworkers cert NAME...``: a certificate by a local authority, for development and closed networks."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(short_help="Make a certificate of a local authority.")
@click.argument("names", nargs=-1)
@click.option("--out", default=".", show_default=True, metavar="DIR", help="Folder for the files.")
@click.option("--days", default=397, show_default=True, help="How long it is valid.")
@click.option("--client", is_flag=True, help="For a client (--tls-client-ca): NAMES is who it is.")
def command(names: tuple[str, ...], out: str, days: int, client: bool) -> None:
    """Make a certificate for NAMES (host names, addresses; this machine's by default).

    The authority is kept in the same folder as ca.pem and ca-key.pem and made at the first call: clients that trust
    ca.pem trust all certificates made there.
    """
    from ...certificates import default_names, local_authority, make_certificate, write_pair
    from ...errors import StartupError

    if client and len(names) != 1:
        raise click.UsageError("which client? give one name")
    wanted = list(names) or default_names()
    folder = Path(out)
    stem = wanted[0].replace("*", "_").replace(":", "_").replace("/", "_")
    certificate, key = folder / f"{stem}.pem", folder / f"{stem}-key.pem"
    try:
        authority = local_authority(folder)
        write_pair(make_certificate(authority, wanted, days=days, client=client), certificate, key)
    except OSError as error:
        raise StartupError(f"cannot write to {folder}", (error.strerror or str(error)).lower()) from error
    except ValueError as error:
        raise StartupError(f"no certificate for {', '.join(wanted)}", str(error), exit_status=2) from error
    click.echo(f"{certificate}  for {', '.join(wanted)}, {days} days")
    if client:
        click.echo(f"{folder / 'ca.pem'}  the authority: servers must trust this one")
        click.echo(
            f"use it:  run-app APP --tls auto --tls-client-ca {folder / 'ca.pem'}, and give the client both files"
        )
        return
    click.echo(f"{folder / 'ca.pem'}  the authority: clients must trust this one")
    click.echo(f"use it:  run-app APP --tls-cert {certificate} --tls-key {key}")
