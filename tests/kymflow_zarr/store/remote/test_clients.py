"""Where credentials come from: what somebody has set up, and never the machine's metadata address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kymflow_zarr import DatasetError, StorePermissionError
from kymflow_zarr.store.locations import open_store
from support import s3_servers
from support.bad_network import between

# IMDS in IPv4 and IPv6, tasks on ECS and EKS, and Google's name.
METADATA = re.compile(r"169\.254\.|fd00:ec2|metadata\.google")

ASK = """
import sys
from kymflow_zarr import KymflowError
from kymflow_zarr.store.locations import open_store
for url in sys.argv[1:]:
    try:
        open_store(url).stat("key")
    except KymflowError as error:
        print(error)
"""
# What obstore does with a URL by itself.
ASK_BARE = """
import sys
from datetime import timedelta
import obstore
from obstore.store import from_url
for url in sys.argv[1:]:
    try:
        obstore.head(from_url(url, retry_config={"max_retries": 0}), "key")
    except Exception as error:
        print(error)
"""
URLS = ("s3://bucket/lab.zarr", "gs://bucket/lab.zarr", "az://container/lab.zarr")


class _Recorder(BaseHTTPRequestHandler):
    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_PUT = do_POST = do_HEAD = do_CONNECT = do_GET


@contextmanager
def recorded() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Run a proxy that notes every address that is asked for; the environment that leads to it is yielded."""
    asked: list[str] = []
    handler = type("Recorder", (_Recorder,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_address[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        yield dict.fromkeys(names, url), asked
        proxy.shutdown()


def run(code: str, home: Path, environment: Mapping[str, str], *urls: str) -> str:
    """Run a program where nothing but this is set up."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT") if name in os.environ}
    own = {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), "RUST_BACKTRACE": "0"}
    command = [sys.executable, "-c", code, *urls]
    done = subprocess.run(
        command, env=kept | own | dict(environment), capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"AWS_EC2_METADATA_DISABLED": "true"}, {"AWS_REGION": "eu-west-1"}])
def test_no_default_asks_a_metadata_address(tmp_path: Path, more: dict[str, str]) -> None:
    account = {"AZURE_STORAGE_ACCOUNT_NAME": "lab"}
    with recorded() as (environment, asked):
        said = run(ASK, tmp_path, environment | more | account, *URLS)
    assert asked == []
    assert said.splitlines() == [
        "there are no credentials for s3://bucket/lab.zarr. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "or AWS_PROFILE; for a bucket that is open to all, AWS_SKIP_SIGNATURE=true.",
        "there are no credentials for gs://bucket/lab.zarr. Set GOOGLE_APPLICATION_CREDENTIALS; for a bucket "
        "that is open to all, GOOGLE_SKIP_SIGNATURE=true.",
        "there are no credentials for az://container/lab.zarr. Set AZURE_STORAGE_ACCOUNT_KEY or "
        "AZURE_STORAGE_SAS_TOKEN; for a container that is open to all, AZURE_SKIP_SIGNATURE=true.",
    ]


@pytest.mark.slow
def test_the_recorder_would_see_a_metadata_address(tmp_path: Path) -> None:
    with recorded() as (environment, asked):
        run(ASK_BARE, tmp_path, environment | {"AZURE_STORAGE_ACCOUNT_NAME": "lab"}, *URLS)
    assert len([one for one in asked if METADATA.search(one)]) >= len(URLS)


@pytest.mark.slow
def test_an_address_that_somebody_names_is_asked_unless_it_is_forbidden(tmp_path: Path) -> None:
    named = {"AWS_METADATA_ENDPOINT": "http://169.254.169.254", "KYMFLOW_STORE_TIMEOUT_S": "0.5"}
    with recorded() as (environment, asked):
        run(ASK, tmp_path, environment | named, URLS[0])
        assert any(METADATA.search(one) for one in asked)
        asked.clear()
        said = run(ASK, tmp_path, environment | named | {"AWS_EC2_METADATA_DISABLED": "true"}, URLS[0])
    assert asked == []
    assert said.startswith("there are no credentials for s3://bucket/lab.zarr.")


@pytest.fixture
def nothing_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variable and no file tells of credentials; the home folder."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_pair_of_keys_is_told(
    nothing_set_up: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "half")
    with pytest.raises(StorePermissionError, match=rf"^{name} is set, and AWS_\w+ is not, to open s3://b/x"):
        open_store("s3://b/x")


def test_empty_variables_are_no_credentials(nothing_set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.setenv(name, "")
    with pytest.raises(StorePermissionError, match="there are no credentials for s3://b/x"):
        open_store("s3://b/x")


def test_a_profile_gives_credentials_and_region(
    nothing_set_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = nothing_set_up / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[lab]\naws_access_key_id = LABKEY\naws_secret_access_key = secret\n")
    (folder / "config").write_text("[profile lab]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_PROFILE", "lab")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert signed_as(monkeypatch) == ("LABKEY", "eu-north-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert signed_as(monkeypatch) == ("LABKEY", "eu-west-3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OTHERKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert signed_as(monkeypatch) == ("OTHERKEY", "eu-west-3")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert signed_as(monkeypatch) is None


def signed_as(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str] | None:
    """Return the key and region that a request is signed with."""
    with between(0) as (port, faults):
        faults.next(404, times=10)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        assert open_store("s3://bucket/lab.zarr").stat("k") is None
        ((request, _),) = faults.noted
    found = re.search(r"Credential=(\w+)/\d+/([\w-]+)/s3/", request.headers.get("authorization", ""))
    return None if found is None else (found[1], found[2])


def test_a_profile_that_is_not_there_is_told(nothing_set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(
        StorePermissionError,
        match=r"for s3://b/x cannot be read: The config profile \(nobody\) could not be found\.",
    ):
        open_store("s3://b/x")


def test_without_boto3_the_advice_names_it(nothing_set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.setattr("kymflow_zarr.store.remote.clients.find_spec", lambda name: None)
    with pytest.raises(StorePermissionError, match=r"Profiles need boto3 \(pip install boto3\)\.$"):
        open_store("s3://b/x")


def test_options_of_the_environment_are_kept_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_servers.environment(1).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_READ_TIMEOUT", "soon")
    with pytest.raises(DatasetError, match="cannot open 's3://bucket/lab.zarr': .*soon"):
        open_store("s3://bucket/lab.zarr")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(
            ("AWS_ENDPOINT_URL", value, "like https://host or http://host:port")
            for value in (
                "localhost:9000",
                "http://",
                "http://[::1",
                "ftp://host",
                "http://a b/",
                "http://h:x",
            )
        ),
        ("AWS_ENDPOINT_URL_S3", "minio", "like https://host"),
        ("AWS_REGION", "eu west", "the name of a region"),
    ],
)
def test_an_address_that_is_none_is_told(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, usual in s3_servers.environment(1).items():
        monkeypatch.setenv(variable, usual)
    monkeypatch.setenv(name, value)
    told = (
        rf"^cannot open 's3://bucket/lab\.zarr': {name} must be {expected}.*, got {re.escape(repr(value))}$"
    )
    with pytest.raises(DatasetError, match=told):
        open_store("s3://bucket/lab.zarr")
