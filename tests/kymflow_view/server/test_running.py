"""The server while it runs: its port, its link, the browser that is opened, and its end."""

from __future__ import annotations

import os
import signal
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from kymflow import KymDataset
from kymflow_view.server import running
from kymflow_view.server.running import PORT, PortError, bind, serve
from support.simple_indexers import write_distribution
from support.viewer import Viewer, edit_one, viewing

slow = pytest.mark.slow
ctrl_c = pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole consoles only")


def test_the_usual_port_is_taken_or_the_next_that_is_free() -> None:
    with bind(None) as first, bind(None) as second:
        ports = [one.getsockname() for one in (first, second)]
    assert {host for host, _ in ports} == {"127.0.0.1"}
    assert PORT <= ports[0][1] < ports[1][1]


def test_any_port_serves_where_all_those_tried_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with bind(None) as taken:
        monkeypatch.setattr(running, "PORT", taken.getsockname()[1])
        monkeypatch.setattr(running, "_TRIED", 1)
        with bind(None) as other:
            assert other.getsockname()[1] != taken.getsockname()[1]


def test_a_port_that_is_given_is_the_only_one() -> None:
    with bind(None) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PortError, match=f"port {port} cannot be used: another program uses it; give --port"
        ):
            bind(port)


@pytest.fixture
def run_once(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Servers end at once, as by Ctrl-C; what they were given to listen on is here."""
    listening: list[Any] = []

    def run(self: Any, sockets: list[socket.socket]) -> None:
        with socket.create_connection(sockets[0].getsockname()):
            listening.append(sockets[0].getsockname())
        raise KeyboardInterrupt

    monkeypatch.setattr(running._Server, "run", run)
    # The browser is opened at once, too.
    monkeypatch.setattr(running, "_in_background", lambda name, what: what())
    return listening


def test_the_browser_opens_a_link_that_counts_once(
    lab_to_read: Path,
    run_once: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda link: bool(opened.append(link)) or True)

    serve(str(lab_to_read), None, read_only=False, open_browser=True)

    printed = capsys.readouterr()
    ((_, port),) = run_once
    assert printed.out.startswith(f"http://127.0.0.1:{port}/?token=")
    assert opened[0].startswith(f"http://127.0.0.1:{port}/?token=")
    assert opened[0] != printed.out.strip()
    assert printed.err == "kymflow: showing lab.zarr in the browser. Ctrl-C ends it.\n"


def test_without_a_browser_the_link_is_all_there_is(
    lab_to_read: Path,
    run_once: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda link: False)
    serve(str(lab_to_read), None, read_only=True, open_browser=True)
    failed = capsys.readouterr()
    monkeypatch.setattr(webbrowser, "open", lambda link: pytest.fail("a browser was opened"))
    serve(str(lab_to_read), None, read_only=True, open_browser=False)
    alone = capsys.readouterr()

    assert failed.err == (
        "kymflow: showing lab.zarr, read-only, in the browser. Ctrl-C ends it.\n"
        "kymflow: no browser could be opened: open the link above in one\n"
    )
    assert alone.out.count("\n") == failed.out.count("\n") == 1
    assert alone.err == "kymflow: showing lab.zarr, read-only; open this link. Ctrl-C ends it.\n"
    assert len(run_once) == 2


@slow
def test_a_server_that_runs_refuses_what_it_must(lab_to_read: Path) -> None:
    with viewing(lab_to_read) as viewer:
        assert viewer.ask("/").status == 403
        assert viewer.ask("/?token=wrong").status == 403
        assert viewer.ask("/api/dataset").status == 403
        token = viewer.link.partition("token=")[2]
        entered = viewer.ask(f"/images?sort=-name&token={token}&q=%20a")
        assert (entered.status, entered.headers["Location"]) == (303, "/images?sort=-name&q=%20a")
        viewer.enter()

        page = viewer.ask("/images?sort=-name")
        assert page.status == 200
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in page.headers
        assert viewer.json("/api/dataset")["name"] == "lab.zarr"
        for headers in ({"Host": "evil.example"}, {"Host": None}, {"Origin": "http://evil.example"}):
            assert viewer.ask("/api/dataset", **headers).status in (400, 403)
        for path in (
            "/static/../server/app.py",
            "/static/%2e%2e/server/app.py",
            "//etc/passwd",
            "/static//etc/passwd",
        ):
            assert viewer.ask(path).status == 404
        assert viewer.ask("/api/jobs", "POST", {"what": "refresh"}, Origin=None).status == 403
        assert viewer.ask("/api/jobs", "POST", {"what": "refresh"}, Origin="null").status == 403
        assert viewer.ask("/api/jobs", "POST", {"what": "refresh"}, Cookie=None).status == 403
        assert viewer.json("/api/jobs/current") == {"job": None}
        for number in ("-1", "1e3", "9" * 100, "100000000"):
            told = viewer.json(f"/api/tables/images/rows?limit={number}", status=400)
            assert told["error"].startswith("limit must be a whole number from 0 to ")
            assert viewer.ask(f"/api/images/nobody/pixels?columns={number}").status == 400

        viewer.process.terminate()
        _, out, problems = viewer.wait()
        # The link was all there was on standard output, and nothing that was asked for is in a log.
        assert out == ""
        begun, ended = problems.splitlines()
        assert begun.startswith("kymflow: showing")
        assert "interrupted by SIGTERM" in ended
        assert token not in problems


@slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loopback interface has one address")
def test_a_server_listens_on_one_address_alone(lab_to_read: Path) -> None:
    with viewing(lab_to_read) as viewer, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", viewer.port), 60)


@slow
@ctrl_c
def test_ctrl_c_ends_it_quietly_with_open_pages(lab_to_read: Path) -> None:
    with viewing(lab_to_read) as viewer:
        streams = [viewer.enter().events() for _ in range(2)]
        assert [next(stream)[0] for stream in streams] == ["tables", "tables"]

        viewer.interrupt()
        assert [list(stream) for stream in streams] == [[], []]
        code, out, problems = viewer.wait()
        assert (code, out) == (0, "")
        assert problems == "kymflow: showing lab.zarr; open this link. Ctrl-C ends it.\n"


@slow
def test_pages_are_told_of_what_another_process_writes(lab: Path) -> None:
    with viewing(lab, "--read-only") as viewer:
        events = viewer.enter().events()
        _, before = next(events)
        edit_one(lab)
        KymDataset(lab).refresh_all()
        kind, after = next(events)

    assert kind == "tables"
    assert [name for name in after if after[name] != before[name]] == ["radon_report"]


SLOW = """
import time
from pathlib import Path
from kymflow import hookimpl
import pandas as pd

class Slow:
    "Waits at each image until it is let go on."

    name = table_name = "slow"

    def extract_rows(self, rec):
        print("began", flush=True)
        while not Path(__file__).with_name("go on").exists():
            time.sleep(0.01)
        return pd.DataFrame({"n": [2]})

@hookimpl
def kymflow_indexers():
    return [Slow()]
"""


@pytest.fixture
def slow_lab(lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin whose indexer waits, and whose table is in `lab`, of another schema."""
    site = tmp_path / "site"
    write_distribution(site, "lab-slow", "1", "slow = lab_slow")
    (site / "lab_slow.py").write_text(SLOW, "utf-8")
    (site / "go on").touch()
    with viewing(lab, site=site) as viewer:
        rebuild(viewer)
        assert ended(viewer)["state"] == "done"
    (site / "go on").unlink()
    return site


def rebuild(viewer: Viewer) -> None:
    viewer.enter().json("/api/jobs", "POST", {"what": "rebuild", "tables": ["slow"]}, status=202)


def ended(viewer: Viewer) -> Any:
    return next(job for kind, job in viewer.events() if kind == "job" and job["state"] != "running")


def begun(viewer: Viewer) -> None:
    """Wait until the job is in the middle of an image."""
    assert viewer.process.stdout is not None
    assert viewer.process.stdout.readline() == "began\n"


@slow
@pytest.mark.parametrize("end", ["kill", "interrupt"])
def test_a_server_that_ends_in_the_middle_of_a_job_leaves_the_old_tables(
    lab: Path, slow_lab: Path, end: str
) -> None:
    if end == "interrupt" and os.name == "nt":
        pytest.skip("Windows sends Ctrl-C to whole consoles only")
    before = {path: path.read_bytes() for path in (lab / "tables").iterdir() if path.is_file()}
    with viewing(lab, site=slow_lab) as viewer:
        rebuild(viewer)
        viewer.json("/api/jobs", "POST", {"what": "refresh"}, status=409)
        begun(viewer)
        getattr(viewer, end)()
        assert viewer.wait()[0] == (-signal.SIGKILL if end == "kill" else 0)

    assert {path: path.read_bytes() for path in (lab / "tables").iterdir() if path.is_file()} == before
    assert KymDataset(lab).check().is_clean


HANGS = """
import threading
from kymflow_view import hookimpl

class Hangs:
    name = "hangs"

    def draw(self, record):
        print("began", flush=True)
        threading.Event().wait()

@hookimpl
def kymflow_view_panels():
    return [Hangs()]
"""


@slow
@ctrl_c
def test_a_plugin_that_hangs_keeps_nobody_from_ending_it(lab_to_read: Path, tmp_path: Path) -> None:
    write_distribution(tmp_path, "lab-hangs", "1", "hangs = lab_hangs", group="kymflow.view")
    (tmp_path / "lab_hangs.py").write_text(HANGS, "utf-8")
    image_id = KymDataset(lab_to_read, "r").ds.list_image_ids()[0]
    hanging = f"/api/images/{image_id}/panels/hangs"
    with viewing(lab_to_read, site=tmp_path) as viewer, viewer.enter().asking(hanging):
        begun(viewer)
        viewer.interrupt()
        code, _, problems = viewer.wait()
    assert (code, problems) == (0, "kymflow: showing lab.zarr; open this link. Ctrl-C ends it.\n")


@slow
@ctrl_c
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_end_it_with_a_code_that_tells(lab_to_read: Path, name: str) -> None:
    signum = getattr(signal, name)
    with viewing(lab_to_read) as viewer:
        viewer.enter().process.send_signal(signum)
        code, _, problems = viewer.wait()
    assert code == 128 + signum
    assert problems.splitlines()[1:] == [
        f"kymflow: interrupted by {name}. What was finished is kept; run the same command again to go on."
    ]


@slow
def test_a_job_is_cancelled_and_another_one_begins(lab: Path, slow_lab: Path) -> None:
    with viewing(lab, site=slow_lab) as viewer:
        rebuild(viewer)
        begun(viewer)
        viewer.json("/api/jobs/current", "DELETE", status=202)
        (slow_lab / "go on").touch()
        assert ended(viewer)["state"] == "cancelled"
        rebuild(viewer)
        job = ended(viewer)
    assert (job["state"], job["reports"]["slow"]["updated"]) == ("done", 4)
