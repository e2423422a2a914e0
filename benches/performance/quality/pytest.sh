set -e
export PYTHONPATH="$PWD"
mkdir calculator tests
cat > calculator/__init__.py <<'END'
import json, os, sqlite3, tempfile

def add(*numbers):
    return sum(numbers)

def store(path, rows):
    with sqlite3.connect(path) as database:
        database.execute("create table sums (a, b, c)")
        database.executemany("insert into sums values (?, ?, ?)", rows)

def settings():
    return json.loads(os.environ.get("CALCULATOR", "{}"))

def scratch(text):
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(text)
    return file.name
END
cat > tests/conftest.py <<'END'
import pytest

@pytest.fixture(scope="session")
def rows():
    return [(a, b, a + b) for a in range(20) for b in range(20)]
END
cat > tests/test_calculator.py <<'END'
import http.server, os, shutil, subprocess, sys, threading, urllib.request
import pytest
import calculator

@pytest.mark.parametrize("a", range(10))
@pytest.mark.parametrize("b", range(10))
def test_add(a, b):
    assert calculator.add(a, b) == a + b

def test_store(tmp_path, rows):
    calculator.store(tmp_path / "sums.db", rows)
    assert (tmp_path / "sums.db").stat().st_size > 0
    shutil.copytree(tmp_path, tmp_path.parent / "copy")
    shutil.rmtree(tmp_path.parent / "copy")

def test_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("CALCULATOR", '{"digits": 3}')
    monkeypatch.chdir(tmp_path)
    assert calculator.settings() == {"digits": 3}

def test_scratch():
    name = calculator.scratch("x")
    os.chmod(name, 0o600)
    os.rename(name, name + ".old")
    os.remove(name + ".old")

def test_programs(capfd):
    subprocess.run([sys.executable, "-c", "import calculator; print(calculator.add(2, 3))"], check=True)
    subprocess.run("echo $((2 + 3)) | tr -d ' '", shell=True, check=True)
    assert capfd.readouterr().out == "5\n5\n"

def test_server():
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(f"http://127.0.0.1:{server.server_port}/", timeout=10).status == 200

@pytest.mark.xfail(strict=True)
def test_that_fails():
    assert calculator.add(1, 1) == 3
END
pytest -q --durations=3 --junitxml=report.xml
pytest -q --lf
pytest -q --collect-only -k add
python3 -m compileall -q calculator
find . -name __pycache__ -prune -exec rm -rf {} +
