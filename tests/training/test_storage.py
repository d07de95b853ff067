"""`load` reads what `save` writes; a path stays what it is; crafted files are CheckpointErrors."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn
from deltaprop.training import CheckpointError, load, save
from deltaprop.training.storage import read, write

from . import crafted

pytest.importorskip("safetensors")
POSIX = pytest.mark.skipif(os.name == "nt", reason="links, modes and pipes are not Windows's")

ARRAYS: dict[str, Any] = {
    **{dtype: np.array([[1, 0], [3, 4]]).astype(dtype) for dtype in (
        "?", "i1", "u1", "<i2", "<i4", "<i8", ">i4", ">u8", "<u2", "<f2", "<f4", "<f8", ">f2",
        ">f4", ">f8",
    )},
    "0-d": np.array(2.5),
    "0-d, big-endian": np.array(2.5, ">f8"),
    "empty": np.zeros((0, 3)),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "steps": np.arange(12.0).reshape(3, 4)[::-2, 1::2],
    "broadcast": np.broadcast_to(np.array([1.0, 2.0]), (3, 2)),
    "not finite": np.array([np.nan, np.inf, -np.inf, -0.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    array = ARRAYS[name]
    write(tmp_path / "m", {"x": array, "within": {"y": array, "z": [1, None]}})
    found = read(tmp_path / "m")
    assert found["within"]["z"] == [1, None]
    for came in (found["x"], found["within"]["y"]):
        assert came.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(came, array)


names = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["", "a/b", "__metadata__", "\0", "\ud800", "é\u2028", "name", "x" * 10_000, "..", '"']
)
trees = st.recursive(
    st.sampled_from([np.arange(3.0), np.ones((2, 0)), 1.5, None, "text", True]),
    lambda inner: st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def of_arrays(tree: Any) -> Iterator[str]:
    """The names on the way to the arrays; "__metadata__" counts at the top alone."""
    for key, entry in tree.items() if isinstance(tree, dict) else ():
        inner = list(of_arrays(entry))
        yield from ("" if name == "__metadata__" else name for name in inner)
        if inner or isinstance(entry, np.ndarray):
            yield "" if inner and key == "__metadata__" else key


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(np.all(one == other))


@given(tree=st.dictionaries(names, trees, max_size=3))
def test_any_names_are_read_again_or_refused(tmp_path_factory: Any, tree: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "names.safetensors"
    path.unlink(missing_ok=True)
    names = list(of_arrays(tree))
    if any(n == "__metadata__" or re.search("[/\ud800-\udfff]", n) for n in names):
        with pytest.raises(ValueError, match="name of a saved array"):
            write(path, tree)
        assert not path.exists()
    else:
        write(path, tree)
        assert same(read(path), tree)


@pytest.mark.parametrize(
    ("tree", "error", "message"),
    [
        ({"__metadata__": np.ones(2)}, ValueError, "'__metadata__' cannot be the name"),
        ({"a\ud800": np.ones(2)}, ValueError, "cannot be the name"),
        ({"a/b": np.ones(2)}, ValueError, "no slash"),
        ({"a/b": {"c": np.ones(2)}}, ValueError, "no slash"),
        ({3: np.ones(2)}, TypeError, "str, got 3"),
        ({"a": np.ones(2, complex)}, TypeError, "'a' of complex128"),
        ({"a": np.ones(2, np.complex64)}, TypeError, "'a' of complex64"),
        ({"a": np.array(["x"])}, TypeError, "'a' of <U1"),
        ({"a": np.array([None])}, TypeError, "'a' of object"),
        ({"a": np.zeros(2, "M8[s]")}, TypeError, "'a' of datetime64"),
        ({"a": np.zeros(2, "f8,i4")}, TypeError, "'a' of"),
        ({"a": {1, 2}}, TypeError, "arrays, numbers, strings"),
    ],
)
def test_what_no_file_holds(tmp_path: Path, tree: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        write(tmp_path / "m", tree)
    assert os.listdir(tmp_path) == []


def test_names_that_are_too_long_together(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("deltaprop.training.storage._HEADER", 1000)
    with pytest.raises(ValueError, match="must fit into 1,000 bytes"):
        write(tmp_path / "m", {"n" * 1000: np.ones(1)})
    assert os.listdir(tmp_path) == []


# -- paths


MODEL, OTHER = nn.Dense(2, 3, rng=0), nn.Dense(2, 3, rng=1)


def test_others_files_stay(tmp_path: Path) -> None:
    beside = [tmp_path / name for name in ("m.tmp", ".m.tmp", "m~", "tmp")]
    for path in beside:
        path.write_text("mine", "utf-8")
    save(MODEL, tmp_path / "m")
    assert all(path.read_text("utf-8") == "mine" for path in beside)
    assert len(os.listdir(tmp_path)) == 5


@POSIX
def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, target = tmp_path / "link", tmp_path / "far" / "m"
    link.symlink_to(target)
    for _ in range(2):  # dangling, then not
        save(MODEL, link)
        assert link.is_symlink()
        assert not target.is_symlink()
        load(OTHER, target)
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(OSError, match="link"):
        save(MODEL, link)
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["far", "link"]


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    save(MODEL, tmp_path / "m")
    (tmp_path / "m").chmod(mode)
    save(MODEL, tmp_path / "m")
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_any(tmp_path: Path) -> None:
    save(MODEL, tmp_path / "m")
    (tmp_path / "other").touch()
    assert (tmp_path / "m").stat().st_mode == (tmp_path / "other").stat().st_mode


@POSIX
def test_what_is_no_file_is_refused_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # on macOS the whole path is too long for a socket
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    before = {p.name: p.lstat() for p in tmp_path.iterdir()}
    for path in [*tmp_path.iterdir(), Path("/dev/null"), tmp_path]:
        with pytest.raises(OSError, match="must lead to") as caught:
            save(MODEL, path)
        assert str(path) in str(caught.value)
        with pytest.raises(FileNotFoundError):
            load(MODEL, path)
    assert {p.name: p.lstat().st_ino for p in tmp_path.iterdir()} == {
        name: one.st_ino for name, one in before.items()
    }
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*no: make it before .*no.m$"):
        save(MODEL, tmp_path / "no" / "m")
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match="no folder"):
        save(MODEL, tmp_path / "file" / "m")


@POSIX
def test_paths_that_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="name too long") as caught:
        save(MODEL, tmp_path / ("n" * 300))
    assert ".tmp" not in str(caught.value)
    with pytest.raises(ValueError, match="null"):
        save(MODEL, f"{tmp_path}/a\0b")
    odd = tmp_path / ("\udcff\n é" if sys.platform == "linux" else "\n é")  # macOS wants UTF-8
    save(MODEL, odd)
    load(OTHER, odd)
    save(MODEL, tmp_path / ("n" * 255))
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("fails", ["fsync", "chmod", "replace", "second replace"])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, MemoryError])
def test_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: Any, fails: str, error: type[BaseException]
) -> None:
    path = tmp_path / "m"
    save(MODEL, path)
    before, calls, call = path.read_bytes(), [], getattr(os, fails.split()[-1])

    def failing(*given: Any) -> Any:
        calls.append(given)
        if fails == "second replace" and len(calls) == 1:
            return call(*given)
        raise error(28, "no space left", "other")

    monkeypatch.setattr(os, fails.split()[-1], failing)
    with pytest.raises(error) as caught:
        write(path, {"x": np.ones(1000)}, before=tmp_path / "previous")
    monkeypatch.undo()
    if error is OSError:
        assert caught.value.filename == str(path)
    found = [entry.read_bytes() for entry in tmp_path.iterdir()]
    assert found == [before]


def test_a_full_disk(tmp_path: Path) -> None:
    """The kernel itself refuses to write more than a page."""
    resource = pytest.importorskip("resource", reason="this system limits no file's size")
    path = tmp_path / "m"
    save(MODEL, path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            save(nn.Dense(100, 100, rng=0), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(path)
    assert os.listdir(tmp_path) == ["m"]
    assert path.read_bytes() == before


def test_processes_save_to_one_path_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from deltaprop import nn; from deltaprop.training import save\n"
        "for _ in range(40): save(nn.Dense(30, 30, rng=int(sys.argv[1])), sys.argv[2])"
    )
    path = str(tmp_path / "m")
    running = [subprocess.Popen([sys.executable, "-c", code, str(i), path]) for i in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    other = nn.Dense(30, 30, rng=5)
    load(other, path)
    wanted = [nn.Dense(30, 30, rng=i).weight.numpy().tolist() for i in range(2)]
    assert other.weight.numpy().tolist() in wanted
    assert os.listdir(tmp_path) == ["m"]


# -- crafted files


def signed(state: str, tensors: dict[str, np.ndarray]) -> bytes:
    """A file with a right checksum and any tree."""
    import safetensors.numpy

    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    metadata = {"deltaprop": "1", "state": state, "sha256": digest.hexdigest()}
    return bytes(safetensors.numpy.save(tensors, metadata))


W, B = MODEL.weight.numpy(), np.zeros(3)
TREES: dict[str, tuple[str, dict[str, np.ndarray]]] = {
    "no JSON": ("no json", {"a": W}),
    "empty": ("", {}),
    "a list": ("[]", {"weight": W, "bias": B}),
    "a number": ("1", {}),
    "null": ("null", {"weight": W}),
    "deep": ("[" * 100_000 + "]" * 100_000, {}),
    "a deep object": ('{"a":' * 50_000 + "1" + "}" * 50_000, {}),
    "many digits": ('{"a": 1' + "0" * 5000 + "}", {"weight": W, "bias": B}),
    "a name twice": ('{"a": 1, "a": 2}', {}),
    "a place taken": ('{"weight": 1}', {"weight": W, "bias": B}),
    "no branch": ("{}", {"a/weight": W}),
    "a leaf for a branch": ('{"a": 1}', {"a/weight": W}),
    "a list for a branch": ('{"a": [1]}', {"a/0": W}),
    "numbers for arrays": ('{"weight": [[1, 2, 3], [4, 5, 6]], "bias": NaN}', {}),
    "an object for an array": ('{"weight": {}}', {"bias": B}),
    "more": ('{"more": 1}', {"weight": W, "bias": B}),
    "less": ("{}", {"weight": W}),
    "another shape": ("{}", {"weight": W.T.copy(), "bias": B}),
    "complex": ("{}", {"weight": W.astype(np.complex64), "bias": B}),
    "truth values": ("{}", {"weight": W > 0, "bias": B}),
    "no training": ('{"model": 1}', {"weight": W, "bias": B}),
}


@pytest.mark.parametrize("name", TREES)
def test_a_signed_file_of_anything(tmp_path: Path, name: str) -> None:
    (tmp_path / "m").write_bytes(signed(*TREES[name]))
    model = nn.Dense(2, 3, rng=0)
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "m"))):
        load(model, tmp_path / "m")
    np.testing.assert_array_equal(model.weight.numpy(), W)


def headed(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str, shape: Any, offsets: Any) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def headers() -> Iterator[bytes]:
    yield from (b"", b"\0", b"\0" * 8, b"\xff" * 8, b"\xff" * 100)
    yield from (headed(b"{}", length=2**63), headed(b"{}", length=10**8), headed(b"{}", length=3))
    yield from (headed(text) for text in (b"[]", b"null", b"{", b'"a"', b"\xff\xfe", b"{}" * 9))
    yield headed(b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
    yield headed({"__metadata__": {"deltaprop": 1, "state": [], "sha256": None}})
    yield headed({"__metadata__": {"deltaprop": "1", "state": "{}", "sha256": "0" * 64}})
    yield headed({"__metadata__": {"deltaprop": "2", "state": "{}", "sha256": "é"}})
    for kind in ("F8_E4M3", "F8_E5M2", "F8_E8M0", "BF16", "F4", "F6_E2M3", "C64", "C128", "XYZ"):
        yield from (headed(entry(kind, [n], [0, size]), b"\0" * size) for n, size in
                    [(2, 2), (2, 4), (2, 1), (4, 3), (1, 8)])  # fmt: skip
    for shape in ([-1], [2**62, 4], [0, 2**62], [1.5], "2", None, [[1]], [10**30]):
        yield headed(entry("F32", shape, [0, 8]), b"\0" * 8)
    for offsets in ([0, 2**64], [8, 0], [-8, 0], [0], None, [0, 4], [4, 12]):
        yield headed(entry("F32", [2], offsets), b"\0" * 8)


@pytest.mark.parametrize("content", list(headers()), ids=lambda content: repr(content[:40]))
def test_crafted_headers(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "m"))):
        load(nn.Dense(2, 3, rng=0), tmp_path / "m")


def test_damaged_files_of_all_kinds(tmp_path: Path) -> None:
    """A sample; thousands by ``python -m tests.training.crafted --count 5000``."""
    tried, wrong = crafted.run(tmp_path, count=150, seed=0)
    assert tried > 100
    assert wrong == []


def test_what_the_system_refuses_is_no_damage(tmp_path: Path, monkeypatch: Any) -> None:
    save(MODEL, tmp_path / "m")

    def closed(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(PermissionError):
        load(MODEL, tmp_path / "m")


def test_a_saved_complex_parameter_says_which(tmp_path: Path) -> None:
    model = nn.Module()
    model.z = dp.Value(1j)  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"'z' of complex128: write numpy.savez"):
        save(model, tmp_path / "m")
