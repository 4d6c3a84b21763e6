from importlib import metadata

from eqstream.data.versions import eqstream_version, package_version


def test_version_of_what_is_not_installed_is_said_to_be_unknown(monkeypatch):
    def fail(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", fail)
    assert eqstream_version() == "unknown"
    assert package_version("numpy", "not installed") == "not installed"
