"""Archives that mean harm: none is published, whatever its framework, and each refusal says what is wrong."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidewatch.registry import InvalidArchive, require_valid_archive
from tidewatch.registry import archive_members as archives

FRAMEWORKS = ("lightgbm", "fil", "pytorch", "onnx")
LAYOUT = ("flights/config.pbtxt", "flights/1/model.txt")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, link, size
    return found


def link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, target)


def hard(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.LNKTYPE, target)


def write_archive(path: Path, *found: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> Path:
    """An archive of a model that could be served, with these besides; what a member declares is its content, zeros."""
    with tarfile.open(path, "w:gz", format=form) as archive:
        for one in (*map(member, LAYOUT), *found):
            archive.addfile(one, io.BytesIO(bytes(one.size)))
    return path


def refusal(path: Path, framework: str = "pytorch") -> str:
    with pytest.raises(InvalidArchive) as refused:
        require_valid_archive(path, framework, "flights")
    return str(refused.value)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([member("/etc/passwd")], "/etc/passwd, which lies outside of it"),
        ([member("flights/../../x")], "which lies outside of it"),
        ([member("..", tarfile.DIRTYPE)], "which lies outside of it"),
        ([link("a", "/etc/passwd")], "a link to '/etc/passwd' outside of it"),
        ([link("flights/a", "../../x")], "a link to '../../x' outside of it"),
        ([link("flights/a", "..")], "which is not a file in it"),
        ([link("a", "nothing")], "which is not a file in it"),
        ([link("a", ".")], "which is not a file in it"),
        ([link("a", "flights")], "which is not a file in it"),
        ([link("a", "b"), link("b", "flights/config.pbtxt")], "which is not a file in it"),
        ([link("a", "flights/config.pbtxt"), member("a/x")], "leads through the link a"),
        ([link("a", "b"), member("./a//x/y")], "leads through the link a"),
        ([hard("a", "/etc/passwd")], "a hard link to '/etc/passwd', which is not an earlier file"),
        ([hard("a", "../x")], "which is not an earlier file"),
        ([hard("a", "b"), member("b")], "which is not an earlier file"),
        ([link("a", "flights/config.pbtxt"), hard("b", "a")], "which is not an earlier file"),
        ([hard("b", "flights")], "which is not an earlier file"),
        ([member("a"), member("a")], "a second time"),
        ([member("a"), member("./a")], "a second time"),
        ([member("a"), link("a", "flights/config.pbtxt")], "a second time"),
        ([link("a", "flights/config.pbtxt"), member("a")], "a second time"),
        ([link("flights/1", "../config.pbtxt")], "a second time"),
        ([member("a"), member("a/b")], "lies in the file a"),
        ([member("a"), member("a", tarfile.DIRTYPE)], "also a file in it"),
        ([member("a/b"), member("a")], "a second time"),
        ([member("null", tarfile.CHRTYPE)], "not a file, a folder or a link"),
        ([member("disk", tarfile.BLKTYPE)], "not a file, a folder or a link"),
        ([member("pipe", tarfile.FIFOTYPE)], "not a file, a folder or a link"),
        ([member("a\nb")], "a name that is not text"),
        ([member("\x1b[31m")], "a name that is not text"),
        ([member(".")], "a name that is empty"),
    ],
)
def test_a_member_that_means_another_place_is_refused(
    tmp_path: Path, framework: str, found: Sequence[tarfile.TarInfo], says: str
) -> None:
    told = refusal(write_archive(tmp_path / "model.tar.gz", *found), framework)
    assert says in told
    assert told.isprintable()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_folders_and_links_to_the_archives_own_files_may_be_in_it(tmp_path: Path, framework: str) -> None:
    found = (
        member("./", tarfile.DIRTYPE),
        member("flights/1", tarfile.DIRTYPE),
        member("flights/1/", tarfile.DIRTYPE),
        link("flights/latest.txt", "1/model.txt"),
        link("flights/2/model.txt", "../1/model.txt"),
        hard("flights/copy.txt", "./flights/1/model.txt"),
        member("Größe..txt", size=1000),
    )
    require_valid_archive(write_archive(tmp_path / "model.tar.gz", *found), framework, "flights")


_PARTS = st.sampled_from(["..", ".", "", "a", "b", "flights", "1", "model.txt"])
_PATHS = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
_MEMBERS = st.builds(
    member,
    _PATHS,
    st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]),
    _PATHS,
)


@example([member("a/.")])
@given(st.lists(_MEMBERS, max_size=5))
def test_what_is_accepted_unpacks_to_the_files_that_it_names_and_nothing_else(found: list[tarfile.TarInfo]) -> None:
    """Unpacked without any filter, as the most trusting of tools does, in the order it is in."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        path = write_archive(home / "model.tar.gz", *found)
        try:
            require_valid_archive(path, "pytorch", "flights")
        except InvalidArchive:
            return
        (home / "in" / "out").mkdir(parents=True)
        with tarfile.open(path) as archive:
            archive.extractall(home / "in" / "out", filter="fully_trusted")
            named = {str(PurePosixPath(one.name)) for one in archive.getmembers() if not one.isdir()}
        assert sorted(one.name for one in home.iterdir()) == ["in", "model.tar.gz"]
        assert [one.name for one in (home / "in").iterdir()] == ["out"]
        out = home / "in" / "out"
        there = [one for one in out.rglob("*") if not one.is_dir() or one.is_symlink()]
        assert {str(one.relative_to(out)) for one in there} == named
        assert all(one.resolve().is_relative_to(out) and one.resolve().is_file() for one in there)


def test_a_size_that_no_model_unpacks_to_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "FREE_UNPACKED_BYTES", 100_000)
    small = write_archive(tmp_path / "small.tar.gz", member("zeros", size=50_000))
    require_valid_archive(small, "pytorch", "flights")
    bomb = write_archive(tmp_path / "bomb.tar.gz", member("zeros", size=50_000_000))
    assert "would unpack to more than 200 times its size at zeros" in refusal(bomb)


def test_a_declared_size_is_refused_by_its_header_alone(tmp_path: Path) -> None:
    header = member("zeros", size=1 << 50).tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(header + bytes(1024)))
    assert "would unpack to more than" in refusal(path)


def test_a_gap_in_a_sparse_file_is_no_way_around_it(tmp_path: Path) -> None:
    found = member("zeros", tarfile.GNUTYPE_SPARSE)
    header = bytearray(found.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (1 << 32)
    header[148:156] = b"%06o\0 " % (256 + sum(header[:148]) + sum(header[156:]))
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(1024)))
    assert "not a file, a folder or a link" in refusal(path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_what_describes_a_member_is_not_read_whatever_its_size(tmp_path: Path, kind: bytes) -> None:
    header = member("header", kind, size=1 << 32).tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(header + bytes(2048)))
    assert "is not a gzipped tar archive" in refusal(path)


def test_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    path = write_archive(tmp_path / "model.tar.gz", *(member(f"{n}.txt") for n in range(9)))
    assert "holds more than 10 members" in refusal(path)


@pytest.mark.parametrize("between", [b"", b"\1" * 512], ids=["after the end", "after what is no header"])
def test_members_behind_the_end_are_refused(tmp_path: Path, between: bytes) -> None:
    """`tar --ignore-zeros` unpacks them."""
    path, hidden = write_archive(tmp_path / "one.tar.gz"), write_archive(tmp_path / "two.tar.gz", member("../x"))
    first = gzip.decompress(path.read_bytes())
    if between:
        first = first[: 512 * len(LAYOUT)]
    path.write_bytes(gzip.compress(first + between + gzip.decompress(hidden.read_bytes())))
    assert "has data after its end" in refusal(path)


def _negative(path: Path) -> None:
    found = member("a")
    found.pax_headers = {"size": "-1024"}
    write_archive(path, found)


def _loop(path: Path) -> None:
    found = member("a")
    found.pax_headers = {"size": "-512"}
    write_archive(path, found, member("b"))


@pytest.mark.parametrize("make", [_negative, _loop])
def test_a_size_below_nothing_ends(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "model.tar.gz")
    assert refusal(tmp_path / "model.tar.gz")


@given(st.binary(max_size=2000))
def test_no_bytes_end_in_anything_but_a_sentence(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.tar.gz"
        for written_bytes in (content, gzip.compress(content)):
            path.write_bytes(written_bytes)
            assert str(path) in refusal(path)


def test_a_long_tail_of_zeros_is_passed_over_and_the_streams_own_zeros_are_read(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "model.tar.gz")
    with path.open("ab") as file:
        file.truncate(path.stat().st_size + 300_000_000)  # a hole, which gzip by itself reads byte by byte
    require_valid_archive(path, "pytorch", "flights")
    whole = gzip.compress(b"")
    for packed in (whole, whole + bytes(100), b"", bytes(40)):
        (tmp_path / "empty").write_bytes(packed)
        assert "is not a gzipped tar archive" in refusal(tmp_path / "empty")
