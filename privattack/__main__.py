"""`python -m privattack`: the same as `python run.py`, and as `privattack`."""

from privattack.command_line.main import main

if __name__ == "__main__":
    main()
