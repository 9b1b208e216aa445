"""What several tests share."""

from eventmill.settings import Settings

SECRETS = {
    "kafka_sasl_password": "k" * 12,
    "mysql_password": "m" * 12,
    "nifi_sensitive_key": "n" * 12,
    "airflow_password": "a" * 12,
    "airflow_jwt_secret": "j" * 64,
}


def settings(**values: object) -> Settings:
    """Settings with the defaults and made-up secrets, whatever `.env` says."""
    return Settings(_env_file=None, **(SECRETS | values))  # type: ignore[arg-type]
