"""The workloads of bench/run on trio: nurseries and cancel scopes.

python3 trio_peer.py WORKLOAD SECONDS N
"""

import sys
import time
from functools import partial

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


BLOCK = bytes(65536)


async def echo(stream):
    while data := await stream.receive_some(65536):
        await stream.send_all(data)


async def send_on(stream):
    while True:
        await stream.send_all(BLOCK)


async def receive(stream):
    while await stream.receive_some(65536):
        pass


async def serve(handle):
    async with trio.open_nursery() as nursery:
        serving = partial(trio.serve_tcp, handle, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serving)
        print("port", listener.socket.getsockname()[1], flush=True)


workloads = {
    "waves": lambda: whole(seconds, 1000, lambda: spawn_and_join(1000, empty)),
    "burst": lambda: whole(seconds, count, lambda: spawn_and_join(count, empty)),
    "switch-1": lambda: often(1, 5000, trio.lowlevel.checkpoint),
    "switch-1000": lambda: often(1000, 20, trio.lowlevel.checkpoint),
    "sleep-0": lambda: often(1000, 20, trio.sleep, 0),
    "timeout": lambda: whole(seconds, 1000, timeouts),
    "cancel": lambda: repeated(seconds, cancel_all),
    "sleepers": sleepers,
    "serve-echo": lambda: serve(echo),
    "serve-send": lambda: serve(send_on),
    "serve-receive": lambda: serve(receive),
    "startup": empty,
}

if workload not in workloads:
    sys.exit(77)
trio.run(workloads[workload])
