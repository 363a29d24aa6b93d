"""One configuration from four sources."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from bark_core.errors import ConfigError
from barkstream_server.config import ServerConfig
from barkstream_server.config_sources import add_flags, load_config


def _flags(*words: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return vars(parser.parse_args(words))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "barkstream.toml"
    path.write_text('slots = 2\nmax_waiting = 2\ngrace_s = 2\nlisten = "127.0.0.1:2"\n')
    return path


def test_without_sources_the_defaults_hold() -> None:
    assert load_config(_flags(), {}) == ServerConfig()


def test_flags_win_over_environment_over_file_over_defaults(file: Path) -> None:
    config = load_config(
        _flags("--config", str(file), "--slots", "4"),
        {"BARKSTREAM_SLOTS": "3", "BARKSTREAM_MAX_WAITING": "3", "HOME": "/root"},
    )
    assert config.slots == 4
    assert config.max_waiting == 3
    assert config.grace_s == 2.0
    assert config.listen == "127.0.0.1:2"
    assert config.max_sessions == ServerConfig().max_sessions


def test_the_file_may_be_named_by_the_environment(file: Path) -> None:
    assert load_config(_flags(), {"BARKSTREAM_CONFIG": str(file)}).slots == 2


def test_every_type_comes_from_text() -> None:
    config = load_config(
        _flags("--no-reflection"),
        {
            "BARKSTREAM_VOICES_DIR": "/voices",
            "BARKSTREAM_THREADS": "3",
            "BARKSTREAM_PAUSE_S": "0.5",
            "BARKSTREAM_LOG_LEVEL": "debug",
        },
    )
    assert config.voices_dir == Path("/voices")
    assert config.threads == 3
    assert config.pause_s == 0.5
    assert config.log_level == "debug"
    assert config.reflection is False
    assert load_config({}, {"BARKSTREAM_REFLECTION": "off"}).reflection is False


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("slotz = 3", "did you mean slots"),
        ("[serve]\nslots = 3", "unknown key"),
        ('slots = "three"', "must be of type int"),
        ("slots = 3.5", "must be of type int"),
        ("slots = true", "must be of type int"),
        ("listen = 50051", "must be of type str"),
        ("slots = ", "not valid TOML"),
        ("slots = 0", "slots must be between"),
    ],
)
def test_a_wrong_file_is_an_error(tmp_path: Path, content: str, text: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=text):
        load_config(_flags("--config", str(path)), {})


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("BARKSTREAM_SLOTZ", "3", "BARKSTREAM_SLOTZ; did you mean slots"),
        ("BARKSTREAM_SLOTS", "", "BARKSTREAM_SLOTS must be of type int"),
        ("BARKSTREAM_REFLECTION", "maybe", "must be true or false"),
        ("BARKSTREAM_GRACE_S", "nan", "grace_s must be between"),
        ("BARKSTREAM_CHECKPOINT", "", "checkpoint must not be empty"),
        ("BARKSTREAM_VOICES_DIR", "", "must not be empty"),
        ("BARKSTREAM_ENGINE", "steam", "engine must be one of process, thread"),
    ],
)
def test_a_wrong_variable_is_an_error(variable: str, value: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load_config(_flags(), {variable: value})


def test_what_contradicts_itself_is_an_error() -> None:
    with pytest.raises(ConfigError, match="need each other"):
        ServerConfig(tls_key=Path("key.pem"))
    with pytest.raises(ConfigError, match="tls_client_ca needs"):
        ServerConfig(tls_client_ca=Path("ca.pem"))
    with pytest.raises(ConfigError, match="must not exceed"):
        ServerConfig(max_text_characters=10)


def test_every_setting_has_a_flag_and_a_sentence() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    text = parser.format_help()
    for name, item in ServerConfig.__dataclass_fields__.items():
        assert f"--{name.replace('_', '-')}" in text
        assert f"BARKSTREAM_{name.upper()}" in text
        assert item.metadata["setting"].help.endswith(".")
