"""Keep the programs that this process starts out of it: out of its memory, its environment and its open files.

They run as the same user, and that alone lets a program read all of these, through /proc or as a debugger. Linux
refuses it for a process that is *not dumpable*, unless whoever asks has CAP_SYS_PTRACE (ptrace(2), "Ptrace access mode
checking"). A program that is started is dumpable again: commands are kept out of this process, not out of each other.

A process of root gives its capabilities up as well. No program gets them back, not even one that belongs to root or has
some of its own, for no privileges may be gained any more (capabilities(7), PR_SET_NO_NEW_PRIVS in prctl(2)).
"""

import ctypes
import os
from typing import Final

__all__ = ["isolate"]

# <linux/prctl.h>
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAPABILITY_VERSION_3: Final = 0x20080522
"""Of <linux/capability.h>: two times 32 bits each of what is effective, permitted and inheritable."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def isolate() -> None:
    """From now on nothing that this process starts can look into it. Linux only.

    Capabilities belong to threads: call it before there are others.

    Raises:
        OSError: It was refused, or there is no such call here.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "prctl"):
        raise OSError("only Linux can do that")
    _done(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    header, none = _Header(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    _done(libc.capset(ctypes.byref(header), none))
    # At the end: whatever changes the credentials of a process may make it dumpable again.
    _done(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def _done(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
