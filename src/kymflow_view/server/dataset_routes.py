"""``/api/dataset``: what is looked at, and which tables there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

import kymflow
import kymflow_view
from kymflow import KymDataset, TableError, TableNotFoundError
from kymflow_view.pooled import KINDS
from kymflow_view.server.table_routes import FORMATS

if TYPE_CHECKING:
    from starlette.requests import Request

    from kymflow_view.server.context import Context


def _dataset(request: Request) -> Response:
    context: Context = request.app.state.context
    kd = context.kd()
    return JSONResponse(
        {
            "path": context.path,
            "name": context.name,
            "writable": context.writable,
            "versions": {"kymflow": kymflow.__version__, "kymflow_view": kymflow_view.__version__},
            "tables": [told for name in kd.ds.list_table_names() if (told := _table(kd, name)) is not None],
            "formats": FORMATS,
            "plot_kinds": KINDS,
        }
    )


def _table(kd: KymDataset, name: str) -> dict[str, Any] | None:
    try:
        info = kd.describe_table(name)
    except TableNotFoundError:
        # Dropped since the names were listed.
        return None
    except (TableError, OSError) as error:
        return {"name": name, "n_rows": 0, "made_by": "", "error": str(error)}
    return {"name": name, "n_rows": info.rows, "made_by": info.made_by}


routes: list[BaseRoute] = [Route("/api/dataset", _dataset)]
