"""Turns itself into another program that dies with the process that asked for it. Run as a script, never imported.

    python -I -S tether.py PARENT_PID NICENESS PROGRAM ARGUMENT...

Linux sends the signal set with PR_SET_PDEATHSIG when the thread that started us ends, also when kill -9 took it; the setting
survives exec. Doing it here, in a fresh process between fork and exec of the program, needs no `preexec_fn`, which may
deadlock when the parent has threads. Other systems have no such signal; there the next start finds what was left behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Options from the environment would contradict ours (two garbage collectors, say) and stop the JVM from starting.
_NOT_PASSED_ON = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JDK_AOT_VM_OPTIONS", "CLASSPATH")


def main(parent: int, niceness: int, command: list[str]) -> None:
    """Tie this process to its parent, then become `command`."""
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:  # it died before prctl, so no signal will come
            sys.exit("the parent process is gone")
    if niceness:
        os.nice(niceness)
    for name in _NOT_PASSED_ON:
        os.unsetenv(name)
    os.putenv("LC_ALL", "C.UTF-8")  # in the C locale Java cannot open a path with letters beyond ASCII
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would pass that on
    os.execv(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
