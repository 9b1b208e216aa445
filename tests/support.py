"""What several tests share."""

from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from eventmill.config.settings import Settings

SECRETS: dict[str, Any] = {
    "forward_password": "f" * 12,
    "hive_metastore_password": "h" * 12,
    "kafka_sasl_password": "k" * 12,
    "mysql_password": "m" * 12,
    "postgres_password": "p" * 12,
    "nifi_sensitive_key": "n" * 12,
    "airflow_password": "a" * 12,
    "airflow_jwt_secret": "j" * 64,
    "visits_key": "v" * 12,
}


class GivenSettings(Settings):
    """Settings that come from the test alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Neither the environment nor `.env` has a say."""
        return (init_settings,)


def settings(**values: Any) -> Settings:
    """Settings with the defaults and made-up secrets, whatever the environment and `.env` say."""
    return GivenSettings(**(SECRETS | values))
