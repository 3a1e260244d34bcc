"""Disks that are too small: a tmpfs of a given size, and an ext4 that loses pages. They need root; otherwise the test
is skipped with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def _run(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0


def _unmount(folder: Path) -> None:
    # A test that failed may have left a descriptor open: nothing must stay mounted because of it.
    if not _run("umount", str(folder)):
        _run("umount", "-l", str(folder))


@contextmanager
def small_tmpfs(where: Path, size: str) -> Iterator[Path]:
    """A folder on a tmpfs of ``size`` ("8m")."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    where.mkdir()
    if not _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)):
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield where
    finally:
        _unmount(where)


def _mount(device: str, folder: Path) -> bool:
    # no thread of the kernel's own may fill the disk beside us
    return _run("mount", "-o", "nodelalloc,dioread_lock,noinit_itable", device, str(folder))


@contextmanager
def _attached(image: Path) -> Iterator[str]:
    """A loop device over a file."""
    how = ["losetup", "--find", "--show", str(image)]
    found = subprocess.run(how, capture_output=True, text=True, timeout=60, check=False)
    if found.returncode != 0:
        pytest.skip("needs a loop device")
    device = found.stdout.strip()
    try:
        yield device
    finally:
        _run("losetup", "-d", device)


@dataclass(frozen=True)
class LossyDisk:
    """An ext4 without journal on a loop device whose image lies on a tmpfs that is too small for it.

    When the tmpfs is full, syncs fail; the system then drops the pages it could not write and reports success next
    time.
    """

    folder: Path
    below: Path
    device: str

    def enlarge(self) -> None:
        """Give the image room."""
        assert _run("mount", "-o", "remount,size=400m", str(self.below))

    def remount(self) -> None:
        """Unmount and mount again: what was only in the caches is gone."""
        assert _run("umount", str(self.folder)), "a descriptor is left open there"
        assert _mount(self.device, self.folder)


@contextmanager
def lossy_disk(where: Path, size: str = "12m") -> Iterator[LossyDisk]:
    """A disk whose syncs fail after about ``size`` of data."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a loop device")
    if shutil.which("mkfs.ext4") is None or shutil.which("losetup") is None:
        pytest.skip("needs mkfs.ext4 (e2fsprogs) and losetup")
    folder, below = where / "disk", where / "below"
    folder.mkdir()
    below.mkdir()
    if not _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(below)):
        pytest.skip("needs the right to mount a tmpfs")
    try:
        with (below / "image").open("wb") as file:
            file.truncate(256 << 20)
        with _attached(below / "image") as device:
            # The loop driver takes a write of which a part was stored for a success. Writes of one page of the image
            # each are stored or refused as a whole, so that the disk tells the truth the first time, which is all we
            # rely on: so blocks are as large as pages (by default they have 1 KiB in so small a file system, and a
            # write of four of them may lie on two pages), no request is larger, and no extent is written before it is
            # said to be written.
            limit = Path("/sys/block") / Path(device).name / "queue" / "max_sectors_kb"
            try:
                limit.write_text("4")
            except OSError:
                pytest.skip(f"needs the right to set {limit}")
            how = ("-q", "-b", "4096", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", "-F")
            if not _run("mkfs.ext4", *how, device) or not _mount(device, folder):
                pytest.skip("needs the right to mount a loop device")
            try:
                yield LossyDisk(folder, below, device)
            finally:
                _unmount(folder)
    finally:
        _unmount(below)
