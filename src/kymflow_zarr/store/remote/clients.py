"""obstore's clients for URLs: whose credentials they use, and how long they wait for an answer.

Without credentials, obstore's own clients ask the machine that they run on for some, at an address that only
virtual machines of a cloud have. Everywhere else that takes long, fails with words about that address, or
asks somebody whom nobody meant. So a client is made only with credentials that somebody has set up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from kymflow_zarr.errors import DatasetError, StorePermissionError
from kymflow_zarr.store.remote.faults import fault_of

# Any of these sets of variables is enough for obstore. What asks another address for credentials names it.
_CREDENTIALS: dict[str, Sequence[Sequence[str]]] = {
    "AWS": (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    ),
    "GOOGLE": (
        ("GOOGLE_SERVICE_ACCOUNT",),
        ("GOOGLE_SERVICE_ACCOUNT_PATH",),
        ("GOOGLE_SERVICE_ACCOUNT_KEY",),
        ("GOOGLE_APPLICATION_CREDENTIALS",),
    ),
    "AZURE": (
        ("AZURE_STORAGE_TOKEN",),
        ("AZURE_STORAGE_ACCOUNT_KEY",),
        ("AZURE_STORAGE_ACCESS_KEY",),
        ("AZURE_STORAGE_SAS_KEY",),
        ("AZURE_STORAGE_SAS_TOKEN",),
        ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"),
        ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID"),
        ("AZURE_MSI_ENDPOINT",),
        ("AZURE_IDENTITY_ENDPOINT",),
    ),
}
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_ADVICE = {
    "AWS": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a bucket that is open to "
    "all, AWS_SKIP_SIGNATURE=true.",
    "GOOGLE": "Set GOOGLE_APPLICATION_CREDENTIALS; for a bucket that is open to all, "
    "GOOGLE_SKIP_SIGNATURE=true.",
    "AZURE": "Set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; for a container that is open to all, "
    "AZURE_SKIP_SIGNATURE=true.",
}
_CLOUD = {"s3": "AWS", "gcs": "GOOGLE", "azure": "AZURE"}
# What obstore reads of the environment itself only as long as it is given no options of ours.
_CLIENT_OPTIONS = (
    "allow_http",
    "allow_invalid_certificates",
    "connect_timeout",
    "proxy_ca_certificate",
    "proxy_excludes",
    "proxy_url",
    "read_timeout",
    "timeout",
    "user_agent",
)


def make_client(url: str, *, answer_s: float, connect_s: float) -> Any:
    """Return a client of obstore for a URL; it makes no request yet, and repeats none.

    Parameters
    ----------
    url : str
    answer_s, connect_s : float
        A request is given up after so many seconds without a byte of an answer, or without a connection.

    Raises
    ------
    DatasetError
        The URL, or what the environment says of its server, cannot be used.
    StorePermissionError
        There are no credentials for it.
    """
    try:
        cloud = _CLOUD.get(obstore.parse_scheme(url))
        if cloud == "AWS":
            _check_server()
        how: dict[str, Any] = {} if cloud is None else _credentials(url, cloud)
        options: dict[str, Any] = {
            "connect_timeout": timedelta(seconds=connect_s),
            "read_timeout": timedelta(seconds=answer_s),
            # How long a whole answer takes depends on the line: as long as some of it arrives, it may.
            "timeout": timedelta(days=1),
            **_options_of_environment(cloud or "HTTP"),
        }
        how |= {"client_options": options, "retry_config": {"max_retries": 0}}
        return from_url(url, **how)
    except (BaseError, ValueError) as error:
        raise DatasetError(f"cannot open {url!r}: {fault_of(error).what}", dataset=url) from error


def _check_server() -> None:
    """Raise ValueError where obstore's library would panic, as no request could be addressed."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        server = os.environ.get(name)
        if server and not _is_address(server):
            raise ValueError(f"{name} must be like https://host or http://host:port, got {server!r}")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        region = os.environ.get(name, "")
        if not re.fullmatch(r"[\w.-]*", region, re.ASCII):
            raise ValueError(f"{name} must be the name of a region, got {region!r}")


def _is_address(server: str) -> bool:
    try:
        parts = urlsplit(server)
        return (
            parts.scheme in ("http", "https")
            and not re.search(r"\s|^$", parts.hostname or "")
            and parts.port != 0
        )
    except ValueError:
        # Not even its port is a number.
        return False


def _options_of_environment(prefix: str) -> dict[str, str]:
    found = {name: os.environ.get(f"{prefix}_{name.upper()}") for name in _CLIENT_OPTIONS}
    return {name: value for name, value in found.items() if value}


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in ("1", "true", "yes", "on", "t", "y")


def _credentials(url: str, cloud: str) -> dict[str, Any]:
    """Return where credentials come from, if not from where obstore looks by itself.

    Raises
    ------
    StorePermissionError
        There are none.
    """
    sets = _CREDENTIALS[cloud]
    if _is_on(f"{cloud}_SKIP_SIGNATURE") or any(all(map(os.environ.get, names)) for names in sets):
        return {}
    if cloud == "GOOGLE" and _google_default_file().is_file():
        return {}
    if cloud == "AWS":
        if os.environ.get("AWS_METADATA_ENDPOINT") and not _is_on("AWS_EC2_METADATA_DISABLED"):
            # Whoever names the address means it.
            return {}
        _check_keys(url)
        found = _from_profiles(url)
        if found is not None:
            return {"credential_provider": found}
    if cloud == "AZURE" and (_is_on("AZURE_USE_AZURE_CLI") or _is_on("AZURE_STORAGE_USE_EMULATOR")):
        return {}
    raise _no_credentials(url, cloud)


def _check_keys(url: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    missing = {name for name in keys if not os.environ.get(name)}
    if len(missing) == 1:
        raise StorePermissionError(
            f"{(keys - missing).pop()} is set, and {missing.pop()} is not, to open {url}: set both.",
            dataset=url,
        )


def _google_default_file() -> Path:
    home = os.environ.get("APPDATA") if os.name == "nt" else os.path.expanduser("~/.config")
    return Path(home or "", "gcloud", "application_default_credentials.json")


def _from_profiles(url: str) -> Any:
    """Return what gives the credentials of the profiles in ``~/.aws``; None if there are none.

    boto3 reads them: single sign-on, roles and programs that give credentials are matters of its own.
    """
    try:
        import boto3
        import botocore.session
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return None
    session = botocore.session.Session()
    try:
        chain = session.get_component("credential_provider")
        # The last that it would ask are the container, even for an empty variable, and the machine.
        chain.remove("iam-role")
        if not any(os.environ.get(name) for name in _CONTAINER):
            chain.remove("container-role")
        if session.get_credentials() is None:
            return None
        provider = Boto3CredentialProvider(boto3.Session(botocore_session=session))
    except BotoCoreError as error:
        raise StorePermissionError(
            f"the credentials for {url} cannot be read: {str(error).rstrip('.')}. {_ADVICE['AWS']}",
            dataset=url,
        ) from error
    if os.environ.get("AWS_REGION"):
        # boto3 does not know this variable; obstore does.
        provider.config = {}
    return provider


def _no_credentials(url: str, cloud: str) -> StorePermissionError:
    lacks_boto3 = cloud == "AWS" and find_spec("boto3") is None
    profiles = " Profiles need boto3 (pip install boto3)." if lacks_boto3 else ""
    return StorePermissionError(
        f"there are no credentials for {url}. {_ADVICE[cloud]}{profiles}", dataset=url
    )
