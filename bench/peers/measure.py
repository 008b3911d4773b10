"""What the Python peers share: clock, measuring loop, memory. See ../lib/measure.lua."""

import sys
import time

now = time.perf_counter


def arguments():
    """WORKLOAD SECONDS N of the command line."""
    return sys.argv[1], float(sys.argv[2]), int(sys.argv[3])


async def repeated(seconds, batch):
    """Repeats a batch, which returns its seconds and operations; prints the mean."""
    total = done = 0
    while True:
        elapsed, _ = await batch()
        total += elapsed
        if total >= seconds / 5:
            break
    total = 0
    while True:
        elapsed, ops = await batch()
        total += elapsed
        done += ops
        if total >= seconds:
            break
    print(f"ns {total / done * 1e9:.4f}")


async def whole(seconds, ops, function):
    """Like repeated, for a function all of whose time counts."""

    async def batch():
        start = now()
        await function()
        return now() - start, ops

    await repeated(seconds, batch)


def resident_kb():
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return float(line.split()[1])
    return 0.0


def pause(seconds, i, count):
    """How long sleeper i of count sleeps."""
    return seconds * (1 + 0.5 * (i * 7919 % count) / count)


def report_sleepers(cpu, kb, count):
    print(f"us {cpu * 1e6 / count:.4f}\nkb {kb / count:.4f}")
