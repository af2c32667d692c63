"""What differs between the versions of pandas that are supported."""

from __future__ import annotations

import pandas as pd

# Of columns of text: str since pandas 3, object before.
TEXT = str(pd.Series(["a"]).dtype)
