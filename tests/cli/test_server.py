"""`demo` and `serve` as people start and stop them."""

import re
import signal
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from backoffice.cli.serve import PATIENCE, letting_go
from tests.cli.conftest import CLEAN, ROOT
from tests.conftest import SECRET


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(tmp_path):
    """Starts `manage.py ...` and returns the process and its output up to ``until``."""
    running = []

    def start(*arguments, until, url="", **settings):
        process = subprocess.Popen(
            [sys.executable, "-u", ROOT / "manage.py", *arguments],
            cwd=tmp_path,
            env={
                **CLEAN,
                "DATABASE_URL": url,
                "SECRET_KEY": SECRET,
                "BACKOFFICE_INSTANCE_PATH": str(tmp_path / "instance"),
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        output = ""
        while until not in output:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            output += line
        return process, output

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def fetch(port, path):
    """The answer of the server, which may take a moment to start its worker."""
    for _ in range(100):
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as response:
                return response.read().decode()
        except URLError:
            time.sleep(0.1)
    raise AssertionError("no answer")


class TestDemo:
    def test_fills_an_empty_database_and_serves_it(self, start, port, database):
        process, output = start("demo", "--port", str(port), until="http://", url=database)

        assert f"http://127.0.0.1:{port}" in output
        assert "2,000 products" in output
        assert re.search(r"email +admin@example.com\n +password +\S{16}", output)
        assert fetch(port, "/readyz") == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""

    def test_leaves_what_is_there_and_gives_a_new_password(self, command, database):
        options = ("demo", "--no-serve", "--products", "10", "--orders", "5")
        first = command(*options, url=database)
        second = command(*options, url=database)

        assert "10 products" in first.stdout
        assert "nothing added" in second.stdout
        assert "it has a new password" in second.stdout
        assert second.returncode == 0

    def test_fills_what_an_interrupted_one_left_empty(self, command, database):
        command("db", "upgrade", url=database)
        command("generate", "--suppliers", "3", "--products", "4", url=database)

        run = command("demo", "--no-serve", "--products", "9", "--orders", "5", url=database)

        assert "1,000 customers, 5 orders, " in run.stdout
        assert "products" not in run.stdout

    def test_refuses_a_port_in_use_before_any_work(self, command, new_database):
        url = new_database("sqlite")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])

            run = command("demo", "--port", port, url=url)

        assert run.returncode == 1
        assert f"port {port}" in run.stderr
        assert "--port" in run.stderr
        assert run.stdout == ""


class TestLettingGo:
    def test_bounds_how_long_a_response_waits_for_its_reader(self):
        ours, theirs = socket.socketpair()
        waits = []

        def app(_environ, start_response):
            waits.append(ours.gettimeout())
            start_response("200 OK", [])
            waits.append(ours.gettimeout())
            return [b"ok"]

        answer = letting_go(app)({"gunicorn.socket": ours}, lambda *_: None)

        assert (waits, answer) == ([None, PATIENCE], [b"ok"])
        ours.close()
        theirs.close()


class TestServe:
    def test_serves_until_it_is_told_to_end(self, start, port, command, new_database):
        url = new_database("sqlite")
        command("db", "upgrade", url=url)
        process, _ = start("serve", "--port", str(port), until="http://", url=url)

        assert fetch(port, "/healthz") == "ok\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""

    def test_logs_with_time_level_and_logger(self, start, port, command, new_database):
        url = new_database("sqlite")
        command("db", "upgrade", url=url)
        process, _ = start(
            "serve", "--port", str(port), until="http://", url=url, BACKOFFICE_SLOW_STATEMENT_MS="0"
        )
        fetch(port, "/readyz")
        fetch(port, "/readyz")

        process.send_signal(signal.SIGTERM)
        process.wait(20)

        line = process.stderr.read().splitlines()[0]
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ WARNING backoffice\.slow: ", line)

    @pytest.mark.parametrize(
        ("url", "complaint"),
        [("", "not migrated"), ("postgresql://u:p@127.0.0.1:1/x", "does not answer")],
    )
    def test_refuses_a_database_that_no_page_could_use(self, command, port, url, complaint):
        run = command("serve", "--port", str(port), url=url)

        assert (run.returncode, run.stdout) == (1, "")
        assert re.fullmatch(
            f"Error: the database .*{complaint}: run `manage.py doctor`.*\n", run.stderr
        )

    @pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1", "x" * 64])
    def test_says_that_the_host_is_wrong(self, command, new_database, host):
        run = command("serve", "--host", host, url=new_database("sqlite"))

        assert run.returncode == 1
        assert run.stderr.startswith(f"Error: cannot listen at {host}")
        assert "choose another --port" not in run.stderr

    def test_refuses_several_processes_that_share_nothing(self, command, new_database):
        run = command("serve", "--workers", "2", url=new_database("sqlite"))

        assert run.returncode == 1
        assert "REDIS_URL" in run.stderr
