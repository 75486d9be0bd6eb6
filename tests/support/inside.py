"""Code run inside a container of the probe app (see probe.py)."""

# x86-64 numbers; asm/unistd_64.h.
SYSCALLS = {
    "ptrace": 101,
    "unshare": 272,
    "setns": 308,
    "mount": 165,
    "umount2": 166,
    "pivot_root": 155,
    "chroot": 161,
    "bpf": 321,
    "perf_event_open": 298,
    "keyctl": 250,
    "add_key": 248,
    "request_key": 249,
    "kexec_load": 246,
    "init_module": 175,
    "finit_module": 313,
    "delete_module": 176,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "userfaultfd": 323,
    "io_uring_setup": 425,
    "open_by_handle_at": 304,
    "quotactl": 179,
    "swapon": 167,
    "swapoff": 168,
    "reboot": 169,
    "settimeofday": 164,
    "clock_settime": 227,
    "acct": 163,
    "fsopen": 430,
    "fsmount": 432,
    "move_mount": 429,
    "open_tree": 428,
    "mount_setattr": 442,
}


class Inside:
    """Runs code inside a container of the probe app."""

    def __init__(self, daemon, url: str):
        self.daemon, self.url = daemon, url

    def answer(self, code: str):
        return self.daemon.post(self.url, json={"code": code})

    def run(self, code: str) -> dict:
        answer = self.answer(code)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def result(self, code: str):
        """The value that the code left in `result`; it must have run to its end."""
        outcome = self.run(code)
        assert "result" in outcome, outcome
        return outcome["result"]

    def call(self, name: str, *arguments: int) -> str:
        """The errno name that a system call fails with; empty when it succeeds."""
        return self.result(
            "import ctypes, errno\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            f"failed = libc.syscall({SYSCALLS[name]}, {', '.join(map(str, arguments)) or 0}) == -1\n"
            "result = errno.errorcode[ctypes.get_errno()] if failed else ''\n"
        )
