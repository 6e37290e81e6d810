"""Optional libraries: one sentence where one is missing."""

import sys

import pytest

import tongtou as tt
from tongtou.extras import need


def test_what_is_installed_comes_as_a_module():
    assert need("json", "plot") is sys.modules["json"]
    assert need("json.decoder", "plot") is sys.modules["json.decoder"]


@pytest.mark.parametrize("module", ["no_such_library", "no_such_library.inner"])
def test_what_is_missing_is_asked_for_with_its_command(module):
    with pytest.raises(tt.MissingExtraError) as caught:
        need(module, "tables")
    said = str(caught.value)
    assert said == "no_such_library is not installed; get it with: pip install 'tongtou[tables]'"
    assert isinstance(caught.value, ImportError)
    assert caught.value.name == module


def test_a_library_that_is_there_but_broken_says_so_itself(tmp_path, monkeypatch):
    """Installing it again would not help, so no command is named."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "half_a_library.py").write_text("import its_own_missing_part\n")
    with pytest.raises(ModuleNotFoundError, match="its_own_missing_part") as caught:
        need("half_a_library", "plot")
    assert not isinstance(caught.value, tt.MissingExtraError)
    with pytest.raises(ModuleNotFoundError, match=r"json\.nothing") as caught:
        need("json.nothing", "plot")
    assert not isinstance(caught.value, tt.MissingExtraError)
