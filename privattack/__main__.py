"""`python run.py`, `python -m privattack` and `privattack` begin here."""

from privattack.interrupts import end_in_silence


def main() -> None:
    """Run the command line; see `command_line.main`."""
    end_in_silence()
    # Here and not above: it takes a while, in which Ctrl-C may come.
    from privattack.command_line.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
