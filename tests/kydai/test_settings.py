"""Settings stop start-up with the place and the remedy, and every one of them is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadConfig
from kydai.settings import Elastic, Settings, load

DOC = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kydai.toml").write_text("[http]\nport = 9000\n[syslog]\nport = 9001\n")
    monkeypatch.setenv("KYDAI_SYSLOG_PORT", "9002")
    settings = load(tmp_path)
    assert (settings.http.port, settings.syslog.port, settings.data) == (9000, 9002, tmp_path)


def test_a_wrong_value_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "kydai.toml").write_text("[http]\n\nport = 'high'\n")
    with pytest.raises(BadConfig, match=r"kydai\.toml:3: http\.port"):
        load(tmp_path)


@pytest.mark.parametrize("time", ["25:00", "2:30", "02:60", "night"])
def test_a_time_of_day_is_one(monkeypatch: pytest.MonkeyPatch, time: str) -> None:
    monkeypatch.setenv("KYDAI_BACKUP_TIME", time)
    with pytest.raises(BadConfig, match=r"KYDAI_BACKUP_TIME: no time of day, as 02:30"):
        load()


def test_an_unknown_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kydai.toml").write_text("[http]\nprot = 1\n")
    with pytest.raises(BadConfig, match=r"kydai\.toml:2: http\.prot"):
        load(tmp_path)
    (tmp_path / "kydai.toml").unlink()
    monkeypatch.setenv("KYDAI_HTTP_PROT", "1")
    with pytest.raises(BadConfig, match="KYDAI_HTTP_PROT"):
        load(tmp_path)


def test_a_wrong_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYDAI_HTTP_PORT", "99999")
    with pytest.raises(BadConfig, match="KYDAI_HTTP_PORT"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("KYDAI_HTTP_NAMES", "siem.example.vn", "valid list"),
        ("KYDAI_HTTP", "8470", "a mapping"),
        ("KYDAI_ZONE", "Mars/Olympus", "IANA"),
        ("KYDAI_ZONE", "/etc/passwd", "IANA"),
        ("KYDAI_STORE_RETENTION_MONTHS", '{"level3": 0}', "greater than or equal to 1"),
        ("KYDAI_SITE_VALUES", '{"admins": "root"}', "valid list"),
        ("KYDAI_SITE_VALUES", '{"admins": []}', "at least 1"),
        ("KYDAI_SITE_VALUES", '{"admins": [""]}', "at least 1"),
    ],
)
def test_what_a_variable_cannot_hold_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadConfig, match=f"{name}.*{told}"):
        load(tmp_path)


def test_a_retention_class_that_is_not_named_keeps_its_default(tmp_path: Path) -> None:
    (tmp_path / "kydai.toml").write_text("[store.retention_months]\nlevel3 = 24\nthan_tra = 120\n")
    months = load(tmp_path).store.retention_months
    assert (months["level3"], months["level1"], months["flow"], months["than_tra"]) == (24, 3, 3, 120)


@pytest.mark.parametrize("name", ["Cấp 3", "level 3", "LEVEL3", "a.b", "x" * 33, "", "../x"])
def test_a_retention_class_has_a_plain_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "kydai.toml").write_text(f'[store]\nthreads = 1\n[store.retention_months]\nlevel3 = 6\n"{name}" = 12\n')
    with pytest.raises(BadConfig, match=r"kydai\.toml:5: store\.retention_months\.") as wrong:
        load(tmp_path)
    assert "1 to 32" in str(wrong.value)
    (tmp_path / "kydai.toml").write_text(f'[store]\nretention_months = {{"{name}" = 12}}\n')
    with pytest.raises(BadConfig, match=r"kydai\.toml:2: store\.retention_months"):
        load(tmp_path)
    (tmp_path / "kydai.toml").unlink()
    monkeypatch.setenv("KYDAI_STORE_RETENTION_MONTHS", f'{{"{name}": 12}}')
    with pytest.raises(BadConfig, match="KYDAI_STORE_RETENTION_MONTHS"):
        load(tmp_path)


def test_months_that_are_wrong_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "kydai.toml").write_text("[store.retention_months]\n\nlevel3 = 0\n")
    with pytest.raises(BadConfig, match=r"kydai\.toml:3: store\.retention_months\.level3"):
        load(tmp_path)


def test_broken_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "kydai.toml").write_text("[http\n")
    with pytest.raises(BadConfig, match="not TOML"):
        load(tmp_path)


def test_a_folder_that_may_not_be_looked_into_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be written: File name too long"):
        load(tmp_path / ("x" * 300))


def test_a_key_is_unprotected_where_it_goes_over_a_network_without_tls(tmp_path: Path) -> None:
    hosts = (
        "http://localhost:9200",
        "http://127.0.0.9:1",
        "http://[::1]:9200",
        "https://a",
        "http://b:9200",
        "http://10.0.0.1",
    )
    with_key = Elastic(urls=list(hosts), key_file=tmp_path)
    assert with_key.unprotected == ["b", "10.0.0.1"]
    assert Elastic(urls=list(hosts)).unprotected == []
    assert with_key.model_copy(update={"urls": ["http://[::1", "http://b:9200"]}).unprotected == ["b"]
    assert Elastic(urls=["http://u:p@b:9200", "https://u:p@c"]).unprotected == ["b"]


def test_every_setting_is_documented() -> None:
    text = DOC.read_text("utf-8")
    for section, field in Settings.model_fields.items():
        kind = field.annotation
        names = [section]
        if hasattr(kind, "model_fields"):
            names = [f"{section}.{name}" for name in kind.model_fields]  # type: ignore[union-attr]  # a section
        for name in names:
            assert f"`{name}`" in text, f"docs/settings.md lacks {name}"
