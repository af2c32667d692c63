"""What goes wrong in a route, as a status and one plain sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from kymflow import ConflictError, KymflowError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ExceptionHandler

# The first that fits counts; errors of kymflow are also the builtins that fit.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (ConflictError, 409),
    (PermissionError, 403),
    (FileNotFoundError, 404),
    (KeyError, 404),
    (OSError, 500),
    (ValueError, 400),
)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _failed(request: Request, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return JSONResponse({"error": " ".join(str(error).split())}, status)


def unexpected(request: Request, error: Exception) -> Response:
    """Answer what nobody expected; Starlette raises it once more, so that the terminal shows its origin."""
    return JSONResponse(
        {"error": f"the viewer failed ({type(error).__name__}); the terminal in which it runs says more"}, 500
    )


# By class, as Starlette takes them; what is of no class here is :func:`unexpected`.
HANDLERS: dict[int | type[Exception], ExceptionHandler] = {
    HTTPException: _refused,
    KymflowError: _failed,
    OSError: _failed,
}
