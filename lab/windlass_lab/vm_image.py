"""What virtual machines start with: a disk with Debian 13 and its kernel, built once for each recipe and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from windlass.errors import UnreachableError
from windlass_lab.docker import THIS_MACHINE
from windlass_lab.here import ensure_program
from windlass_lab.image import ensure_built, recipe_hash
from windlass_lab.places import RECIPE, Say, image_directory

VM_RECIPE = RECIPE.with_name("vm")
"""What the disk is made from."""


@dataclass(frozen=True)
class MachineImage:
    """A disk, and the kernel in it as QEMU boots it."""

    disk: Path

    @property
    def kernel(self) -> Path:
        """The kernel."""
        return self.disk.with_suffix(".vmlinuz")

    @property
    def initrd(self) -> Path:
        """What it boots with."""
        return self.disk.with_suffix(".initrd")


def ensure_machine_image(say: Say) -> MachineImage:
    """Return the image of virtual machines, built where it is missing; UnreachableError where that cannot be done.

    What runs it is installed where it is missing, too.
    """
    ensure_program("qemu-system-x86_64", "qemu-system-x86", say)
    ensure_program("resize2fs", "e2fsprogs", say)
    image = MachineImage(image_directory() / f"vm-{recipe_hash(VM_RECIPE)}.img")
    if not ensure_built(VM_RECIPE / "build.sh", image.disk, say):
        raise UnreachableError(
            f"{THIS_MACHINE}: virtual machines need root on Debian, where debootstrap makes their disk"
        )
    return image
