"""What a plugin's exception says, whatever is wrong with the exception itself."""

from __future__ import annotations

import sys
import traceback
import warnings


class PluginWarning(UserWarning):
    """A plugin could not be used, or failed in a hook; everything else works."""


def warn_of(message: str, stacklevel: int = 1) -> None:
    """Warn, whatever the filters: one that makes an error of it shows it instead.

    What is wrong with a plugin ends nothing, and whoever set the filter need not know of plugins.
    """
    try:
        warnings.warn(message, PluginWarning, stacklevel=stacklevel + 1)
    except PluginWarning as warning:
        frame = sys._getframe(stacklevel)
        warnings.showwarning(warning, PluginWarning, frame.f_code.co_filename, frame.f_lineno)


def in_words(error: BaseException) -> str:
    """Return type and message of an exception."""
    # Its __str__ is the plugin's own code, too.
    try:
        return f"{type(error).__name__}: {error}"
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001
        return f"{type(error).__name__}, which cannot say what it is about"


def in_full(error: BaseException) -> str:
    """Return an exception with its traceback, as Python prints it."""
    try:
        return "".join(traceback.format_exception(error))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001
        return in_words(error)
