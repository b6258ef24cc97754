"""System calls that fail or kill, by a filter of Linux's kernel, which native code cannot pass by either."""

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Mapping

import pytest

KILLED = -31
"""The return code of a process that made a call that kills."""
_PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 22, 24, 38  # linux/prctl.h
_FILTER = 2  # linux/seccomp.h
_KILL, _FAIL, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/filter.h
_NUMBERS = {  # of system calls; what a machine does not have is never called there
    "x86_64": {"socket": 41, "flock": 73, "fsync": 74, "chmod": 90, "geteuid": 107, "fchmod": 91, "fchmodat": 268},
    "aarch64": {"socket": 198, "flock": 32, "fsync": 82, "fchmod": 52, "geteuid": 175, "fchmodat": 53},
}
_FAMILY_PLACE = 16  # of a call's first argument
_LOCAL = 1  # AF_UNIX: the name service of the machine itself is asked by such a socket


def without_network() -> Callable[[], None]:
    """For `preexec_fn`: whoever opens a socket that leads out of the machine is killed."""
    (number,) = _numbers("socket").values()
    here = [(_LOAD, 0, 0, 0), (_JUMP_IF_EQUAL, 0, 3, number)]
    family = [(_LOAD, 0, 0, _FAMILY_PLACE), (_JUMP_IF_EQUAL, 1, 0, _LOCAL), (_RETURN, 0, 0, _KILL)]
    return _filter([*here, *family, (_RETURN, 0, 0, _ALLOW)])


def failing(calls: Mapping[str, int]) -> Callable[[], None]:
    """For `preexec_fn`: system calls by name, and the number of the error with which each fails."""
    numbers = _numbers(*calls)
    steps = [(_LOAD, 0, 0, 0)]
    for name, number in numbers.items():
        steps += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL | calls[name])]
    return _filter([*steps, (_RETURN, 0, 0, _ALLOW)])


def without_root() -> None:
    """For `preexec_fn`: files and folders are shut for root as they are for others."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH; not allowed, and not needed, for others
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _numbers(*names: str) -> dict[str, int]:
    if not sys.platform.startswith("linux") or os.uname().machine not in _NUMBERS:
        pytest.skip(f"no filter of system calls is known for {sys.platform} on {os.uname().machine}")
    return {name: number for name, number in _NUMBERS[os.uname().machine].items() if name in names}


def _filter(steps: list[tuple[int, int, int, int]]) -> Callable[[], None]:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    system = ctypes.CDLL(None, use_errno=True)

    def install() -> None:
        system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if system.prctl(_PR_SET_SECCOMP, _FILTER, program, 0, 0):
            raise OSError(ctypes.get_errno(), "this kernel takes no filter of system calls")
        assert code  # the program points to it

    return install
