"""Changes that code makes to the process it runs in: statements, by the name that kymflow gives the state."""

from __future__ import annotations

CHANGES = {
    "warnings.filters": "import warnings; warnings.simplefilter('once')",
    "warnings.showwarning": "import warnings; warnings.showwarning = lambda *words: None",
    "numpy.seterr": "import numpy; numpy.seterr(all='raise')",
    "pandas options": "import pandas; pandas.set_option('display.max_rows', 3)",
    "logging": "import logging; logging.basicConfig(level=logging.DEBUG, force=True)",
    "locale": (
        "import locale; was = locale.setlocale(locale.LC_CTYPE); "
        "locale.setlocale(locale.LC_CTYPE, 'C.UTF-8' if was == 'C' else 'C')"
    ),
    "cwd": "import os; os.chdir('/')",
    "umask": "import os; os.umask(0o077)",
    "os.environ": "import os; os.environ['LAB'] = '1'; os.environ.pop('PATH', None)",
    "sys.path": "import sys; sys.path.insert(0, '/lab')",
    "sys.stdin": "import sys; sys.stdin = None",
    "sys.stdout": "import io, sys; sys.stdout = io.StringIO()",
    "sys.stderr": "import io, sys; sys.stderr = io.StringIO()",
    "sys.excepthook": "import sys; sys.excepthook = print",
    "sys.displayhook": "import sys; sys.displayhook = print",
    "sys.unraisablehook": "import sys; sys.unraisablehook = print",
    "threading.excepthook": "import threading; threading.excepthook = print",
    "builtins.print": "import builtins; builtins.print = lambda *words, **how: None",
    "builtins.open": "import builtins, io; builtins.open = lambda *words, **how: io.StringIO()",
    "builtins.input": "import builtins; builtins.input = lambda prompt: ''",
    "sys.setrecursionlimit": "import sys; sys.setrecursionlimit(sys.getrecursionlimit() + 7)",
    "sys.setswitchinterval": "import sys; sys.setswitchinterval(0.5)",
    "gc": "import gc; gc.disable()",
    "signal handlers": "import signal; signal.signal(signal.SIGTERM, lambda *words: None)",
    "socket.setdefaulttimeout": "import socket; socket.setdefaulttimeout(3)",
}


def change(name: str) -> None:
    """Make a change, of the process this is called in."""
    exec(CHANGES[name], {})
