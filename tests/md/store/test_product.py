"""Directories that are products: whole or absent, what was damaged is found, what is not theirs is never replaced."""

import shutil
import subprocess

import pytest

from vitrify.md.store.product import DONE, check_sums, read_done, require_free, whole_directory


@pytest.fixture
def product(tmp_path):
    path = tmp_path / "product"
    with whole_directory(path, "head.txt", folders=("figures",)) as directory:
        (directory / "head.txt").write_text("head")
        (directory / "figures").mkdir()
        (directory / "figures" / "one.png").write_bytes(b"\x89PNG")
    return path


def test_every_file_has_a_check_sum_that_others_can_check(product):
    assert sorted(check_sums(product, "example")) == ["figures/one.png", "head.txt"]
    if shutil.which("sha256sum"):
        found = subprocess.run(["sha256sum", "--check", DONE], cwd=product, capture_output=True, text=True, check=True)
        assert found.stdout.splitlines() == ["figures/one.png: OK", "head.txt: OK"]


@pytest.mark.parametrize("name", ["figures/one.png", "head.txt"])
def test_what_was_changed_or_lost_is_found(product, name):
    (product / name).write_bytes(b"\x88PNG")
    with pytest.raises(ValueError, match=rf"damaged example directory \({name}"):
        check_sums(product, "example")
    (product / name).unlink()
    with pytest.raises(ValueError, match=rf"damaged example directory \({name}"):
        check_sums(product, "example")
    with pytest.raises(ValueError, match=name):
        read_done(product)


def test_an_empty_done_says_nothing(product):
    (product / DONE).write_text("")
    with pytest.raises(ValueError, match="holds no check sums"):
        check_sums(product, "example")


def test_an_error_on_the_way_leaves_what_was_there(product):
    before = (product / DONE).read_bytes()

    def write_half() -> None:
        with whole_directory(product, "head.txt", folders=("figures",), force=True) as directory:
            (directory / "head.txt").write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert (product / DONE).read_bytes() == before
    assert [entry.name for entry in product.parent.iterdir()] == ["product"]


def test_only_its_own_kind_is_replaced_and_only_when_told_to(product):
    with pytest.raises(FileExistsError, match="exists already"):
        require_free(product, "head.txt", folders=("figures",))
    require_free(product, "head.txt", folders=("figures",), force=True)
    with pytest.raises(FileExistsError, match="own kind only"):
        require_free(product, "other.txt", folders=("figures",), force=True)
    (product / "letters").mkdir()
    with pytest.raises(FileExistsError, match="own kind only"):
        require_free(product, "head.txt", folders=("figures",), force=True)
