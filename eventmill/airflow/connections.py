"""Airflow's connections and secrets, made from the settings.

`engines/airflow/run` evaluates what `python -m eventmill.airflow.connections HOME` writes: one `export` a variable.
Secrets go through the environment and files that only their owner reads, never onto a command line.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit

from eventmill.config.settings import Settings, load

Connection = dict[str, object]


def connections(settings: Settings, home: Path) -> dict[str, Connection]:
    """Airflow's connections by id; `home` is Airflow's folder, which holds Sqoop's password file."""
    source = urlsplit(settings.clicks_export)
    return {
        "clicks_source": {"conn_type": "http", "host": f"{source.scheme}://{source.netloc}"},
        "spark_default": {"conn_type": "spark", "host": settings.spark_master},
        "hive_cli_default": {
            "conn_type": "hive_cli",
            "host": settings.hive_server_host,
            "port": settings.hive_server_port,
            "schema": "default",
            "login": "airflow",
            "extra": {"use_beeline": True},
        },
        "presto_default": {
            "conn_type": "presto",
            "host": settings.presto_host,
            "port": settings.presto_port,
            "schema": "default",
            "login": "airflow",
            "extra": {"catalog": "hive"},
        },
        "sqoop_default": {
            "conn_type": "sqoop",
            "host": f"jdbc:mysql://{settings.mysql_host}",
            "port": settings.mysql_port,
            "schema": settings.mysql_database,
            "login": settings.mysql_user,
            "extra": {"password_file": (home / "mysql.password").as_uri()},
        },
        "sqoop_shop": {
            "conn_type": "sqoop",
            "host": f"jdbc:mysql://{settings.mysql_host}",
            "port": settings.mysql_port,
            "schema": settings.shop_database,
            "login": settings.mysql_user,
            "extra": {"password_file": (home / "mysql.password").as_uri()},
        },
        "smtp_default": {
            "conn_type": "smtp",
            "host": settings.mail_host,
            "port": settings.mail_port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": settings.mail_from},
        },
    }


def variables(settings: Settings, home: Path) -> dict[str, str]:
    """Airflow's environment variables: each connection as JSON, and the key that encrypts what users add in the UI."""
    named = {f"AIRFLOW_CONN_{name.upper()}": json.dumps(c) for name, c in connections(settings, home).items()}
    key = hashlib.sha256(settings.airflow_jwt_secret.encode()).digest()
    return named | {"AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(key).decode()}


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner reads; a reader meets the old content or the new one."""
    aside = path.with_suffix(f".{os.getpid()}")
    aside.touch(mode=0o600)
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def main() -> None:
    """Write the password files into the folder named first, and the exports to standard output."""
    settings, home = load(), Path(sys.argv[1])
    write_secret(home / "passwords.json", json.dumps({settings.airflow_user: settings.airflow_password}))
    write_secret(home / "mysql.password", settings.mysql_password)
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in variables(settings, home).items())
    sys.stdout.writelines(exports)


if __name__ == "__main__":
    main()
