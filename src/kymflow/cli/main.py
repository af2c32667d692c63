"""The start of the command line: it heeds Ctrl-C first, as all the rest takes long to import."""

from __future__ import annotations

from kymflow.cli.interruption import interrupted


def main() -> object:
    """Run the command line."""
    interrupted.listen()
    from kymflow.cli.streams import watched_streams

    try:
        with watched_streams():
            from kymflow.cli.commands import app

            return app()
    except BaseException as ending:
        from kymflow.cli.leftovers import end_without_leftovers

        end_without_leftovers(ending.code if isinstance(ending, SystemExit) else 1)
        raise
