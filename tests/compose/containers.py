"""The stack in containers, as a Compose project of its own beside the user's."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping

from eventmill.config.polling import until
from eventmill.config.settings import PIPELINES, ROOT, Settings
from ops.stack.preflight import is_free

BUILD_SECONDS = 2400
UP_SECONDS = 900


class Containers:
    """One Compose project.

    `profiles` are those that are switched on, `override` is the path of a Compose file that changes ours, `values` are
    settings that differ from `.env`.
    """

    def __init__(
        self,
        project: str,
        first_port: int,
        profiles: str = ",".join(PIPELINES),
        override: str = "",
        **values: str,
    ) -> None:
        self.project = project
        files = filter(None, ("docker-compose.yml", override))
        self._files = [option for file in files for option in ("--file", str(ROOT / file))]
        self.environment: dict[str, str] = (
            os.environ | _free_ports(first_port) | values | {"COMPOSE_PROFILES": profiles}
        )
        self._command_line = ""

    def compose(self, *arguments: str, seconds: float = UP_SECONDS, check: bool = True) -> str:
        """What `docker compose` printed; a failure raises AssertionError with all of it."""
        command = ["docker", "compose", *self._files, "--project-name", self.project, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def build(self) -> None:
        """Make the images, once for all starts."""
        self.compose("--profile", "*", "build", seconds=BUILD_SECONDS)
        self.environment["PULL_POLICY"] = "never"

    def up(self, *services: str) -> None:
        """Start what doesn't run or has other settings now, all or these services, and wait until it is healthy."""
        options = ("--detach", "--wait", "--wait-timeout", str(UP_SECONDS))
        self.compose("up", *options, *services, seconds=UP_SECONDS + 60)

    def eventmill(self, *arguments: str, seconds: float = 900) -> str:
        """Run the command line."""
        return self._run("eventmill", *arguments, seconds=seconds)

    def python(self, code: str, *arguments: str, seconds: float = 180) -> str:
        """What a program prints that runs beside the command line."""
        return self._run("python", "-W", "ignore", "-c", code, *arguments, seconds=seconds).strip()

    def _run(self, *command: str, seconds: float) -> str:
        """What a command prints in the container of the command line, which is started for the first of them."""
        if not self._command_line:
            started = self.compose("run", "--detach", "--rm", "-T", "cli", "sleep", "infinity")
            self._command_line = started.split()[-1]
        return docker("exec", self._command_line, "/opt/eventmill/engines/service", *command, seconds=seconds)

    @property
    def api(self) -> str:
        """The address of the event API on this machine."""
        return f"http://127.0.0.1:{self.environment['API_PORT']}"

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def ill(self) -> list[str]:
        """The services that have ended with an error, or run and are not healthy."""
        found = [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]
        return [each["Service"] for each in found if each["ExitCode"] or each["Health"] not in ("", "healthy")]

    def restarts(self, service: str) -> int:
        """How often Docker has started a service's container again."""
        return int(inspect(self.container(service), "{{.RestartCount}}"))

    def kill(self, *services: str) -> None:
        """End every process of these services at once, as a power cut would, and wait until all is healthy again."""
        before = {service: self.restarts(service) for service in services}
        for service in services:
            # The shell dies with the rest, so its exit says nothing.
            self.compose("exec", "-T", service, "bash", "-c", "kill -9 -1", check=False)
        for service in services:
            until(lambda: self.restarts(service) > before[service], 60, f"{service} was not started again", every=0.5)  # noqa: B023
        self.up()

    def has_process(self, service: str, text: str) -> bool:
        """Whether a command line in a service's container contains the text."""
        script = f"grep -lsaF {text} /proc/[0-9]*/cmdline | grep -vq /proc/self"
        command = ["docker", "exec", self.container(service), "bash", "-c", script]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def images(self) -> set[str]:
        """The names of all images of the project."""
        services = json.loads(self.compose("--profile", "*", "config", "--format", "json"))["services"]
        return {service["image"] for service in services.values()}

    def left(self) -> list[str]:
        """The containers, volumes and networks that Docker still has of the project."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        found = [docker(*kind, "--quiet", "--filter", label).split() for kind in kinds]
        return [name for names in found for name in names]

    def down(self, *options: str) -> None:
        """Stop everything."""
        if self._command_line:
            docker("rm", "--force", self._command_line)
            self._command_line = ""
        self.compose("--profile", "*", "down", "--timeout", "60", *options)

    def remove(self) -> None:
        """Stop everything and remove it with its data."""
        self.down("--volumes")


def docker(*arguments: str, seconds: float = 60) -> str:
    """What `docker` printed; a failure raises AssertionError with all of it."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def inspect(name: str, form: str) -> str:
    """A value of a container or an image, by a Go template."""
    return docker("inspect", "--format", form, name).strip()


def _free_ports(first: int) -> Mapping[str, str]:
    """A free port from `first` on for each setting that is one."""
    names = [name.upper() for name in Settings.model_fields if name.endswith("_port")]
    free = (str(port) for port in range(first, first + 1000) if is_free(port))
    return dict(zip((name for name in names if name != "SPARK_UI_PORT"), free, strict=False))
