"""Runs a program under a container's seccomp profile: under_seccomp.py PROFILE.json PROGRAM [ARGUMENT...]

As a container's runtime would, with libseccomp: what the profile does not name fails with its error number.
"""

import ctypes
import json
import os
import sys

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
NO_SUCH_CALL = -1


def load(path):
    with open(path, encoding="utf-8") as file:
        profile = json.load(file)
    if profile["defaultAction"] != "SCMP_ACT_ERRNO":
        sys.exit(f"{path}: defaultAction is not SCMP_ACT_ERRNO: what is not named would be allowed")
    names = []
    for rule in profile["syscalls"]:
        if rule["action"] != "SCMP_ACT_ALLOW" or rule.get("args"):
            sys.exit(f"{path}: only rules that allow calls whole are understood here")
        names += rule["names"]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        sys.exit(f"{path}: named twice: {', '.join(sorted(twice))}")
    return names, profile.get("defaultErrnoRet", 1)


def restrict(names, errno):
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ERRNO | errno)))
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number == NO_SUCH_CALL:
            sys.exit(f"no system call is called {name}")
        # Negative: there is none of that name on this architecture.
        if number >= 0 and seccomp.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), ctypes.c_int(number), ctypes.c_uint(0)):
            sys.exit(f"{name} cannot be allowed")
    # libseccomp sets no_new_privs, as the runtimes do that load a profile last.
    if seccomp.seccomp_load(context):
        sys.exit("the profile cannot be loaded")


def main():
    profile, program = sys.argv[1], sys.argv[2:]
    restrict(*load(profile))
    os.execv(program[0], program)


main()
