"""The workloads of bench/run on trio: nurseries and cancel scopes.

python3 trio_peer.py WORKLOAD SECONDS N
"""

import sys
import time

import trio
from measure import arguments, now, pause, repeated, report_sleepers, resident_kb, whole

workload, seconds, count = arguments()


async def empty():
    pass


async def spawn_and_join(tasks, function):
    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(function)


async def often(tasks, per_task, function, *args):
    async def switch():
        for _ in range(per_task):
            await function(*args)

    await whole(seconds, tasks * per_task, lambda: spawn_and_join(tasks, switch))


async def timeouts():
    for _ in range(1000):
        with trio.move_on_after(10):
            await empty()


async def cancel_all():
    blocked = 0

    async def block():
        nonlocal blocked
        blocked += 1
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(block)
        while blocked < count:
            await trio.lowlevel.checkpoint()
        start = now()
        nursery.cancel_scope.cancel()
    return now() - start, count


async def sleepers():
    asleep = woken = 0

    async def sleep_once(i):
        nonlocal asleep, woken
        asleep += 1
        await trio.sleep(pause(seconds, i, count))
        woken += 1

    kb, cpu = resident_kb(), time.process_time()
    async with trio.open_nursery() as nursery:
        for i in range(count):
            nursery.start_soon(sleep_once, i)
        while asleep < count:
            await trio.lowlevel.checkpoint()
        kb = resident_kb() - kb
        assert woken == 0, "some woke before all slept"
    report_sleepers(time.process_time() - cpu, kb, count)


workloads = {
    "waves": lambda: whole(seconds, 1000, lambda: spawn_and_join(1000, empty)),
    "burst": lambda: whole(seconds, count, lambda: spawn_and_join(count, empty)),
    "switch-1": lambda: often(1, 5000, trio.lowlevel.checkpoint),
    "switch-1000": lambda: often(1000, 20, trio.lowlevel.checkpoint),
    "sleep-0": lambda: often(1000, 20, trio.sleep, 0),
    "timeout": lambda: whole(seconds, 1000, timeouts),
    "cancel": lambda: repeated(seconds, cancel_all),
    "sleepers": sleepers,
    "startup": empty,
}

if workload not in workloads:
    sys.exit(77)
trio.run(workloads[workload])
