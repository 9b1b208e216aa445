"""Settings: one definition, explained once in .env.example, with errors that name what is wrong."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import ValidationError

from eventmill.config.settings import ROOT, Settings, explain_settings, load
from tests.support import SECRETS, GivenSettings, settings

EXAMPLE = ROOT / ".env.example"
OLD_NAMES = ("enabled_lines",)


def example_values() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


def complaint(**values: object) -> str:
    with pytest.raises(ValidationError) as error:
        settings(**values)
    return explain_settings(error.value)


def test_the_example_lists_every_setting_once_and_no_other() -> None:
    names = re.findall(r"^([A-Z_0-9]+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields if name not in OLD_NAMES)


def test_the_example_shows_the_defaults() -> None:
    for name, field in Settings.model_fields.items():
        if name in OLD_NAMES:
            continue
        value = example_values()[name.upper()]
        if field.is_required():
            assert value == "<random>", name
        elif value:
            default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert value == default, name


def test_a_wrong_port_is_named_with_what_is_allowed() -> None:
    assert complaint(kafka_port=70000) == "setting KAFKA_PORT: input should be less than or equal to 65535"


def test_a_missing_secret_says_how_to_make_one() -> None:
    with pytest.raises(ValidationError) as error:
        GivenSettings(**{name: value for name, value in SECRETS.items() if name != "mysql_password"})
    assert explain_settings(error.value) == (
        "setting MYSQL_PASSWORD: is not set; `make setup` writes .env with a random value"
    )


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("KAFKA_PROT=9092\n")
    with pytest.raises(ValidationError) as error:
        Settings(_env_file=file, **SECRETS)
    assert "KAFKA_PROT: is not known" in explain_settings(error.value)


def test_a_pipeline_that_does_not_exist_is_named_with_those_that_do() -> None:
    sentence = "setting ENABLED_PIPELINES: value error, must be of clicks,game,carts,orders,visits, separated by commas"
    assert complaint(enabled_pipelines="clicks,swords") == sentence


def test_the_old_name_of_a_setting_goes_on_working_and_says_the_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / ".env"
    file.write_text("ENABLED_LINES=clicks,game\nCOMPOSE_PROFILES=${ENABLED_LINES}\n")
    values = Settings(_env_file=file, **SECRETS)
    assert values.pipelines == ("clicks", "game")
    assert values.environment()["ENABLED_PIPELINES"] == "clicks,game"
    assert "ENABLED_LINES" not in values.environment()
    assert "ENABLED_LINES is now called ENABLED_PIPELINES" in caplog.text


def test_the_new_name_of_a_setting_wins_over_the_old_one() -> None:
    assert settings(enabled_lines="game", enabled_pipelines="clicks").pipelines == ("clicks",)


def test_pipelines_keep_their_order() -> None:
    assert settings(enabled_pipelines="visits,clicks").pipelines == ("clicks", "visits")


@pytest.mark.parametrize("heap", ["512", "1.5g", "-1m", "0g"])
def test_a_heap_needs_a_whole_number_and_a_unit(heap: str) -> None:
    assert "KAFKA_HEAP" in complaint(kafka_heap=heap)


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]", "yarn", "spark://host:7077"])
def test_spark_masters_that_are_allowed(master: str) -> None:
    assert settings(spark_master=master).spark_master == master


def test_a_relative_state_folder_belongs_to_the_checkout() -> None:
    assert settings(state_dir=Path("here")).state_dir == ROOT / "here"


def test_the_environment_has_each_setting_in_capitals() -> None:
    environment = settings(kafka_port=19092).environment()
    assert environment["KAFKA_PORT"] == "19092"
    assert "JAVA_HOME" not in environment


def test_the_source_cluster_is_the_demos_unless_one_is_named() -> None:
    assert settings(source_kafka_port=7).forward_source == "127.0.0.1:7"
    assert settings(forward_bootstrap="a:1,b:2").environment()["FORWARD_SOURCE"] == "a:1,b:2"


def test_the_demos_source_cluster_knows_only_plain() -> None:
    assert "FORWARD_MECHANISM" in complaint(forward_mechanism="SCRAM-SHA-256")
    assert settings(forward_bootstrap="a:1", forward_mechanism="SCRAM-SHA-256").forward_mechanism == "SCRAM-SHA-256"


@pytest.mark.parametrize("password", ['a"b', "a b", "a\\b", ""])
def test_a_password_that_kafka_would_read_otherwise_is_refused(password: str) -> None:
    assert "FORWARD_PASSWORD" in complaint(forward_password=password)


@pytest.mark.parametrize(("name", "value"), [("postgres_user", "hive"), ("postgres_database", "metastore")])
def test_what_the_metastore_has_in_postgresql_is_its_own(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="must not be hive or metastore"):
        settings(**{name: value})


@pytest.mark.parametrize("addresses", ["proxy.example.org", "10.0.0.1/8", "10.0.0.1,", "10.0.0.1;10.0.0.2"])
def test_proxies_are_addresses_or_networks(addresses: str) -> None:
    assert settings(api_trusted_proxies="10.0.0.0/8,::1").api_trusted_proxies == "10.0.0.0/8,::1"
    with pytest.raises(ValidationError, match="must be IP addresses or networks"):
        settings(api_trusted_proxies=addresses)


@pytest.mark.parametrize("given", ["api_tls_certificate", "api_tls_key"])
def test_a_certificate_and_its_key_belong_together(given: str) -> None:
    with pytest.raises(ValidationError, match="set together or not at all"):
        settings(**{given: "file.pem"})
    both = settings(api_tls_certificate="file.pem", api_tls_key="key.pem")
    assert both.api_address == "https://127.0.0.1:8000"


def test_the_old_module_goes_on_working_for_dags_of_ones_own() -> None:
    with pytest.warns(DeprecationWarning, match=r"now eventmill\.config\.settings"):
        old = import_module("eventmill.settings")
    assert old.load is load
