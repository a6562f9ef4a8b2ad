"""docker-compose.yml: its commands, ports, variables and health paths exist in the code, and it holds no secret."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.source import PACKAGES, ROOT, python_files, settings_in_code, text_of

COMPOSE = ROOT / "docker-compose.yml"
OURS = ("topics", "gateway", "worker", "dashboard")
SERVERS = ("kafka", "clickhouse")
GIVEN = {"CLICKHOUSE_PASSWORD": "secret1", "SPENDSTREAM_ADMIN_TOKEN": "secret2"}

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::(?P<how>[-?])(?P<rest>[^}]*))?\}")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return found


def with_defaults(text: str) -> str:
    """As compose reads it where only GIVEN is set."""
    return _VARIABLE.sub(lambda m: GIVEN.get(m["name"]) or (m["rest"] if m["how"] == "-" else "") or "", text)


def dockerfile(services: dict[str, Any]) -> list[str]:
    """The instructions of the one Dockerfile, continuation lines joined."""
    texts = {services[name]["build"]["dockerfile_inline"] for name in OURS}
    assert len(texts) == 1
    return [line.strip() for line in texts.pop().replace("\\\n", " ").splitlines() if line.strip()]


def test_the_services_are_kafka_clickhouse_and_our_processes(services: dict[str, Any]) -> None:
    assert set(services) == {*OURS, *SERVERS}


@pytest.mark.parametrize("name", OURS)
def test_commands_exist(services: dict[str, Any], name: str) -> None:
    python, dash_m, package, word = services[name]["command"]
    assert (python, dash_m) == ("python", "-m")
    assert package in PACKAGES
    told = subprocess.run(
        [sys.executable, "-m", package, word, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stderr
    assert word in told.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", package, "no-such-word"], cwd=ROOT, capture_output=True, timeout=60
    )
    assert wrong.returncode == 2


def test_the_processes_are_those_of_the_procfile(services: dict[str, Any]) -> None:
    lines = dict(
        line.split(": exec ", 1) for line in text_of(Path("Procfile")).splitlines() if ": exec " in line
    )
    for name in ("gateway", "worker", "dashboard"):
        assert " ".join(services[name]["command"]) == lines[name]


@pytest.mark.parametrize("name", OURS)
def test_variables_are_read_by_the_code(services: dict[str, Any], name: str) -> None:
    ours = {variable for variable in services[name]["environment"] if variable.startswith("SPENDSTREAM_")}
    assert ours <= settings_in_code()
    assert {"SPENDSTREAM_KAFKA", "SPENDSTREAM_CLICKHOUSE"} <= ours


@pytest.mark.parametrize(
    ("name", "variable", "port", "path", "package"),
    [
        ("gateway", "SPENDSTREAM_GATEWAY_PORT", 8080, "/health/ready", "gateway_shim"),
        ("dashboard", "SPENDSTREAM_DASHBOARD_PORT", 8050, "/health", "dashboard"),
    ],
)
def test_our_servers_listen_where_they_are_published_and_asked(
    services: dict[str, Any], name: str, variable: str, port: int, path: str, package: str
) -> None:
    service = services[name]
    assert service["environment"]["SPENDSTREAM_HOST"] == "0.0.0.0"
    assert service["environment"][variable] == port
    assert [with_defaults(published) for published in service["ports"]] == [f"127.0.0.1:{port}:{port}"]
    assert f"http://127.0.0.1:{port}{path}'" in service["healthcheck"]["test"][-1]
    assert any(f'"{path}"' in text_of(file) for file in python_files(package)), f"{package} serves no {path}"
    defaults = re.compile(rf'"{variable}",\s*{port}\b')
    assert any(defaults.search(text_of(file)) for file in python_files(*PACKAGES)), (
        f"{variable} is not {port}"
    )


def test_every_port_is_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [with_defaults(port) for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_kafka_is_the_version_of_the_embedded_one_and_makes_no_topics_by_itself(
    services: dict[str, Any],
) -> None:
    kafka = services["kafka"]
    version = kafka["image"].partition(":")[2]
    assert version == json.loads(text_of(Path("ingest/broker/kafka_jars.lock.json")))["kafka"]
    assert kafka["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    listeners = kafka["environment"]["KAFKA_LISTENERS"].split(",")
    inside = services["gateway"]["environment"]["SPENDSTREAM_KAFKA"]
    assert inside == "kafka:9092"
    assert "PLAINTEXT://:9092" in listeners
    outside = [with_defaults(port) for port in kafka["ports"]]
    assert outside == ["127.0.0.1:9092:19092"]
    assert "HOST://:19092" in listeners
    advertised = with_defaults(kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"])
    assert advertised == f"PLAINTEXT://{inside},HOST://127.0.0.1:9092"


def test_the_address_of_clickhouse_is_one_that_the_code_reads(services: dict[str, Any]) -> None:
    from warehouse.address import parse_address

    address = parse_address(with_defaults(services["worker"]["environment"]["SPENDSTREAM_CLICKHOUSE"]))
    environment = services["clickhouse"]["environment"]
    assert (address.host, address.port, address.database) == (
        "clickhouse",
        8123,
        environment["CLICKHOUSE_DB"],
    )
    assert address.user == environment["CLICKHOUSE_USER"]
    assert (
        address.password == with_defaults(environment["CLICKHOUSE_PASSWORD"]) == GIVEN["CLICKHOUSE_PASSWORD"]
    )
    assert services["clickhouse"]["healthcheck"]["test"][-1] == "http://127.0.0.1:8123/ping"


def test_nothing_secret_stands_in_the_file(services: dict[str, Any]) -> None:
    secret = re.compile(r"KEY|TOKEN|PASSWORD|SECRET")
    checked = 0
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name):
                assert _VARIABLE.fullmatch(str(value)), f"{name} is written down"
                checked += 1
    assert checked >= 6
    required = {m["name"] for m in _VARIABLE.finditer(COMPOSE.read_text()) if m["how"] == "?"}
    assert required == set(GIVEN)
    assert ".env" in text_of(Path(".gitignore")).splitlines()


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_what_runs_for_long_is_started_again_and_keeps_its_state(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load(COMPOSE.read_text())["volumes"]
    for name, folder in {
        "kafka": services["kafka"]["environment"]["KAFKA_LOG_DIRS"],
        "clickhouse": "/var/lib/clickhouse",
        "gateway": "/var/lib/spendstream",
        "worker": "/var/lib/spendstream",
    }.items():
        assert services[name]["volumes"] == [f"{name}:{folder}"]
        assert name in volumes
    assert {name: s["restart"] for name, s in services.items()} == {
        **dict.fromkeys((*OURS, *SERVERS), "unless-stopped"),
        "topics": "no",
    }
    waits = {name: {n: c["condition"] for n, c in services[name]["depends_on"].items()} for name in OURS}
    assert waits == {
        "topics": {"kafka": "service_healthy"},
        "gateway": {"topics": "service_completed_successfully"},
        "worker": {"topics": "service_completed_successfully", "clickhouse": "service_healthy"},
        "dashboard": {"clickhouse": "service_healthy"},
    }


def test_images_are_pinned(services: dict[str, Any]) -> None:
    version = tomllib.loads(text_of(Path("pyproject.toml")))["project"]["version"]
    assert {services[name]["image"] for name in OURS} == {f"spendstream:{version}"}
    for name in SERVERS:
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)*", services[name]["image"])


def test_the_image_holds_what_it_needs_and_runs_as_nobody_special(services: dict[str, Any]) -> None:
    lines = dockerfile(services)
    base = re.fullmatch(r"FROM python:3\.(\d+)-slim-\w+", lines[0])
    assert base is not None
    assert int(base[1]) >= 11
    assert "RUN pip install --no-cache-dir --require-hashes -r requirements.lock" in lines
    copied = {word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]}
    assert set(PACKAGES) <= copied
    assert all((ROOT / name).exists() for name in copied)
    ignored = text_of(Path(".dockerignore")).splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    assert lines[-1] == "USER 10001:10001"
    home = next(
        word.partition("=")[2] for word in " ".join(lines).split() if word.startswith("SPENDSTREAM_HOME=")
    )
    assert services["gateway"]["volumes"] == [f"gateway:{home}"]


def test_docker_compose_accepts_it() -> None:
    if shutil.which("docker") is None:
        pytest.skip("the docker client is not installed")
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("the docker client has no compose plugin")
    # Neither an environment nor a file `.env` of the person who runs the tests has a say.
    command = ["docker", "compose", "--file", str(COMPOSE), "--env-file", os.devnull, "config", "--quiet"]
    clean = {n: v for n, v in os.environ.items() if not n.startswith("SPENDSTREAM_") and n not in GIVEN}
    done = subprocess.run(command, capture_output=True, text=True, env=clean | GIVEN)
    assert done.returncode == 0, done.stderr
    for missing in GIVEN:
        given = {name: value for name, value in GIVEN.items() if name != missing}
        without = subprocess.run(command, capture_output=True, text=True, env=clean | given)
        assert without.returncode != 0
        assert f"required variable {missing} is missing" in without.stderr
